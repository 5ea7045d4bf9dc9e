#include "wire/slack_blocks.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>

#include "countersign/base/text.hpp"
#include "wire/links.hpp"

namespace countersign::wire {

namespace blocks {

namespace {

// For each byte, this has the UTF-16 units of the character that begins there, escaped.
constexpr auto units_of = [] {
    std::array<std::uint8_t, 256> table{};
    for (std::size_t byte = 0; byte < table.size(); ++byte)
        table[byte] = byte >= 0xF0 ? 2 : byte >= 0x80 && byte < 0xC0 ? 0 : 1;
    table['&'] = 5;
    table['<'] = table['>'] = 4;
    return table;
}();

}  // namespace

std::size_t units(std::string_view text) {
    std::size_t sum = 0;
    for (char c : text) sum += units_of[static_cast<unsigned char>(c)];
    return sum;
}

namespace {

std::size_t length_of_char(std::string_view text, std::size_t at) {
    std::size_t end = at + 1;
    while (end < text.size() && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) ++end;
    return end - at;
}

}  // namespace

std::string_view head(std::string_view text, std::size_t units_max) {
    std::size_t sum = 0;
    std::size_t at = 0;
    while (at < text.size()) {
        std::size_t length = length_of_char(text, at);
        sum += units(text.substr(at, length));
        if (sum > units_max) break;
        at += length;
    }
    return text.substr(0, at);
}

std::string_view tail(std::string_view text, std::size_t units_max) {
    std::size_t sum = 0;
    std::size_t from = text.size();
    while (from > 0) {
        std::size_t start = from - 1;
        while (start > 0 && (static_cast<unsigned char>(text[start]) & 0xC0U) == 0x80U) --start;
        sum += units(text.substr(start, from - start));
        if (sum > units_max) break;
        from = start;
    }
    return text.substr(from);
}

Short shortened(std::string_view hostile, std::size_t units_max) {
    return cut(visible(hostile), units_max);
}

Short cut(std::string safe, std::size_t units_max) {
    if (units(safe) <= units_max) return {std::move(safe), true};
    constexpr std::size_t note_units = 40;
    std::size_t room = units_max > note_units ? units_max - note_units : 0;
    auto start = head(safe, room - room / 4);
    auto end = tail(std::string_view{safe}.substr(start.size()), room / 4);
    std::size_t left_out = code_points(std::string_view{safe}.substr(start.size())) - code_points(end);
    return {fmt::format("{} […{} more characters…] {}", start, left_out, end), false};
}

Json plain(std::string_view words) {
    return json_object("emoji", false, "text", words, "type", "plain_text");
}

Json mrkdwn(std::string_view words) {
    return json_object("text", words, "type", "mrkdwn", "verbatim", true);
}

Json header(std::string_view id, std::string_view words) {
    return json_object("block_id", id, "text", plain(head(words, 145)), "type", "header");
}

Json section(std::string_view id, const Json& its_text) {
    return json_object("block_id", id, "text", its_text, "type", "section");
}

Json section(std::string_view id, const Json& its_text, const Json& beside) {
    return json_object("accessory", beside, "block_id", id, "text", its_text, "type", "section");
}

Json menu(std::string_view action, const std::vector<std::pair<std::string, std::string>>& options) {
    Items offered;
    for (const auto& [label, value] : options)
        offered.push_back(json_object("text", plain(label), "value", value));
    return json_object("action_id", action, "options", std::move(offered).take(), "type", "overflow");
}

Json context(std::string_view id, std::string_view mrkdwn_text) {
    return json_object("block_id", id, "elements", Items(mrkdwn(mrkdwn_text)).take(), "type", "context");
}

Json button(std::string_view action, std::string_view label, std::string_view value, std::string_view style) {
    if (style.empty())
        return json_object("action_id", action, "text", plain(label), "type", "button", "value", value);
    return json_object("action_id", action, "style", style, "text", plain(label), "type", "button", "value",
                       value);
}

Json link_button(std::string_view action, std::string_view label, std::string_view address) {
    return json_object("action_id", action, "style", "primary", "text", plain(label), "type", "button", "url",
                       address);
}

Json actions(std::string_view id, Items buttons) {
    return json_object("block_id", id, "elements", std::move(buttons).take(), "type", "actions");
}

namespace {

Json rich(std::string_view type, Items elements) {
    return json_object("elements", std::move(elements).take(), "type", type);
}

}  // namespace

Json rich_text(std::string_view id, Items elements) {
    return json_object("block_id", id, "elements", std::move(elements).take(), "type", "rich_text");
}

Json rich_section(Items inline_elements) {
    return rich("rich_text_section", std::move(inline_elements));
}

Json rich_preformatted(std::string_view words) {
    return json_object("border", 0, "elements", Items(text(words)).take(), "type", "rich_text_preformatted");
}

Json rich_quote(Items inline_elements) {
    return rich("rich_text_quote", std::move(inline_elements));
}

Json text(std::string_view words) {
    return json_object("text", words, "type", "text");
}

Json bold(std::string_view words) {
    return json_object("style", json_object("bold", true), "text", words, "type", "text");
}

Json code(std::string_view words) {
    return json_object("style", json_object("code", true), "text", words, "type", "text");
}

Json link(std::string_view url, std::string_view words) {
    return json_object("text", words, "type", "link", "url", url);
}

std::string_view user_id(const core::Who& who, const SlackStyle& style) {
    if (!who.account) return {};
    auto account = core::parts(*who.account);
    if (account.kind != "slack" || (!account.workspace.empty() && account.workspace != style.team)) return {};
    auto idlike = [](char c) { return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); };
    bool good = !account.id.empty() && account.id.size() <= 30 && std::ranges::all_of(account.id, idlike);
    return good ? account.id : std::string_view{};
}

Json person(const core::Who& who, const SlackStyle& style) {
    if (auto id = user_id(who, style); !id.empty()) return json_object("type", "user", "user_id", id);
    std::string name = shortened(who.name, 80).text;
    return code(trim(name).empty() ? std::string_view{"somebody"} : std::string_view{name});
}

Json quotation(std::string_view id, const core::CardSection& section) {
    Items words;
    push_text(words, section.lines.front().front().text);
    return rich_text(id, Items(rich_section(Items(text(section.heading))), rich_quote(std::move(words))));
}

void push_text(Items& to, std::string_view words) {
    while (!words.empty()) {
        auto part = head(words, text_units_max);
        to.push_back(text(part));
        words.remove_prefix(part.size());
    }
}

bool may_link(std::string_view url, const SlackStyle& style) {
    return wire::may_link(url, style.link_hosts);
}

// ---- runs of text

namespace {

// Nothing but a back quote ends a code span.
std::string in_code(std::string shown) {
    std::ranges::replace(shown, '`', '\'');
    return "`" + slack_escaped(shown) + "`";
}

std::string mentions(const std::vector<core::Who>& people, const SlackStyle& style) {
    constexpr std::size_t mentions_units_max = 480;
    std::string line;
    for (std::size_t i = 0; i < people.size(); ++i) {
        line += (i > 0 ? ", " : "") + slack_mention(people[i], style);
        if (i + 1 < people.size() && units(line) > mentions_units_max)
            return line + fmt::format(" and {} more", people.size() - i - 1);
    }
    return line;
}

std::string moment_text(core::Instant at) {
    std::string utc = core::rfc3339(at);
    return fmt::format("{} {} UTC", utc.substr(0, 10), utc.substr(11, 5));
}

// Long literals as several elements, none over the limit.
void push_code(Items& to, std::string_view shown) {
    while (!shown.empty()) {
        auto part = head(shown, text_units_max);
        to.push_back(code(part));
        shown.remove_prefix(part.size());
    }
}

void push_run(Items& to, const core::CardRun& run, const SlackStyle& style) {
    using Kind = core::CardRun::Kind;
    switch (run.kind) {
        case Kind::words:
        case Kind::quiet:
            to.push_back(text(run.text));
            break;
        case Kind::strong:
            to.push_back(bold(run.text));
            break;
        case Kind::literal:
            push_code(to, run.text);
            break;
        case Kind::address:
            if (may_link(run.text, style))
                to.push_back(link(run.text, run.text));
            else
                push_code(to, quoted_text(run.text));
            break;
        case Kind::link:
            to.push_back(link(run.url, run.text));
            break;
        case Kind::prose:
            push_text(to, run.text);
            break;
        case Kind::people:
            for (std::size_t i = 0; i < run.people.size(); ++i) {
                if (i > 0) to.push_back(text(", "));
                to.push_back(person(run.people[i], style));
            }
            break;
        case Kind::moment:
            to.push_back(text(moment_text(run.at)));
            break;
    }
}

}  // namespace

std::string mrkdwn_line(const core::CardLine& line, const SlackStyle& style) {
    using Kind = core::CardRun::Kind;
    std::string drawn;
    for (const core::CardRun& run : line) {
        switch (run.kind) {
            case Kind::words:
                drawn += slack_escaped(run.text);
                break;
            case Kind::strong:
                drawn += "*" + slack_escaped(run.text) + "*";
                break;
            case Kind::quiet:
                drawn += "_" + slack_escaped(run.text) + "_";
                break;
            case Kind::literal:
            case Kind::prose:
            case Kind::address:
                drawn += in_code(run.text);
                break;
            case Kind::link:
                drawn += "<" + slack_escaped(run.url) + "|" + slack_escaped(run.text) + ">";
                break;
            case Kind::people:
                drawn += mentions(run.people, style);
                break;
            case Kind::moment:
                drawn += slack_date(run.at);
                break;
        }
    }
    return drawn;
}

void push_line(Items& to, const core::CardLine& line, const SlackStyle& style) {
    bool first = !to.empty();
    for (const core::CardRun& run : line) {
        const bool ours = run.kind == core::CardRun::Kind::words || run.kind == core::CardRun::Kind::strong;
        if (first && ours) {
            core::CardRun on_new_line{.kind = run.kind, .text = "\n" + run.text};
            push_run(to, on_new_line, style);
        } else {
            if (first) to.push_back(text("\n"));
            push_run(to, run, style);
        }
        first = false;
    }
}

std::vector<std::string_view> pieces_of(std::string_view text) {
    std::vector<std::string_view> pieces;
    while (!text.empty()) {
        auto piece = head(text, text_units_max);
        const auto end = piece.rfind('\n');
        if (piece.size() < text.size() && end != piece.npos && end > piece.size() / 2)
            piece = piece.substr(0, end + 1);
        pieces.push_back(piece);
        text.remove_prefix(piece.size());
    }
    return pieces;
}

void push_section(Items& to, const core::CardSection& section, const SlackStyle& style) {
    Items above;
    if (!section.heading.empty()) above.push_back(bold(section.heading));
    for (const core::CardLine& line : section.lines) push_line(above, line, style);
    if (!above.empty()) to.push_back(rich_section(std::move(above)));
    for (std::string_view piece : pieces_of(section.raw)) to.push_back(rich_preformatted(piece));
    if (!section.note.empty()) to.push_back(rich_section(Items(text(section.note))));
}

std::string plain_line(const core::CardLine& line) {
    std::string plain;
    for (const core::CardRun& run : line) plain += run.text;
    return plain;
}

}  // namespace blocks
}  // namespace countersign::wire
