#include "countersign/wire/html_card.hpp"

#include <fmt/core.h>

#include "countersign/base/markup.hpp"
#include "countersign/base/text.hpp"

namespace countersign::wire {
namespace {

std::string html_element(std::string_view tag, std::string_view text) {
    return fmt::format("<{}>{}</{}>", tag, escape_markup(text), tag.substr(0, tag.find(' ')));
}

std::string html_people(const std::vector<core::Who>& people) {
    std::string all;
    for (const core::Who& who : people) {
        if (!all.empty()) all += ", ";
        // Nothing of a name turns the text beside it around.
        all += html_element("bdi", visible(who.name));
    }
    return all;
}

std::string html_run(const core::CardRun& run) {
    using Kind = core::CardRun::Kind;
    switch (run.kind) {
        case Kind::words:
            return escape_markup(run.text);
        case Kind::strong:
            return html_element("strong", run.text);
        case Kind::quiet:
            return html_element("span class=\"dim\"", run.text);
        case Kind::literal:
            return html_element("code", run.text);
        case Kind::prose:
            return html_element("bdi class=\"prose\"", run.text);
        case Kind::address:
            return html_element("code", quoted_text(run.text));
        case Kind::people:
            return html_people(run.people);
        case Kind::moment:
            return html_moment(run.at);
        case Kind::link:
            return fmt::format("<a href=\"{}\">{}</a>", escape_markup(run.url), escape_markup(run.text));
    }
    return {};
}

std::string html_line(const core::CardLine& line) {
    std::string all;
    for (const core::CardRun& run : line) all += html_run(run);
    return all;
}

std::string_view html_name(core::CardSection::Part part) {
    using Part = core::CardSection::Part;
    switch (part) {
        case Part::headline:
            return "headline";
        case Part::intent:
            return "intent";
        case Part::who:
            return "who";
        case Part::what:
            return "what";
        case Part::takes:
            return "takes";
        case Part::votes:
            return "votes";
        case Part::outcome:
            return "outcome";
        case Part::labels:
            return "labels";
        case Part::links:
            return "links";
        case Part::parameters:
            return "parameters";
        case Part::footer:
            return "footer";
    }
    return "part";
}

std::string html_section(const core::CardSection& section) {
    const bool quoted = section.part == core::CardSection::Part::intent;
    std::string_view tag = section.part == core::CardSection::Part::headline ? "h1" : "p";
    std::string all = fmt::format("<section class=\"part-{}\">\n", html_name(section.part));
    if (!section.heading.empty()) all += html_element("h2", section.heading) + "\n";
    if (quoted) all += "<blockquote>\n";
    for (const core::CardLine& line : section.lines)
        all += fmt::format("<{}>{}</{}>\n", tag, html_line(line), tag);
    if (quoted) all += "</blockquote>\n";
    // A line end right after <pre> is none of the text.
    if (!section.raw.empty()) all += "<pre>\n" + escape_markup(section.raw) + "</pre>\n";
    if (!section.note.empty()) all += html_element("p class=\"dim\"", section.note) + "\n";
    return all + "</section>\n";
}

}  // namespace

std::string html_moment(core::Instant at) {
    const std::string utc = core::rfc3339(at);
    return fmt::format("<time datetime=\"{}\">{} {} UTC</time>", utc, utc.substr(0, 10), utc.substr(11, 8));
}

std::string html_sections(const std::vector<core::CardSection>& sections) {
    std::string all;
    for (const core::CardSection& section : sections) all += html_section(section);
    return all;
}

}  // namespace countersign::wire
