#include "wire/teams_blocks.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "countersign/base/text.hpp"
#include "countersign/core/card_sections.hpp"
#include "countersign/core/request.hpp"
#include "countersign/wire/teams_activity.hpp"
#include "wire/links.hpp"

namespace countersign::wire::cards {
namespace {

constexpr std::int64_t form = 1;  // of the data that our buttons carry

// Renderers drop blanks at the ends of a run and draw several as one: all but single ones in between become
// blanks that do not break. Nobody else's text has such: they are shown as escapes.
std::string kept_blanks(std::string_view text) {
    constexpr std::string_view no_break = "\xC2\xA0";
    std::string out;
    out.reserve(text.size() + 8);
    for (std::size_t i = 0; i < text.size(); ++i) {
        const bool lost = text[i] == ' ' && (i == 0 || i + 1 == text.size() || text[i - 1] == ' ');
        if (lost)
            out += no_break;
        else
            out += text[i];
    }
    return out;
}

std::string moment_text(core::Instant at) {
    std::string utc = core::rfc3339(at);
    return fmt::format("{} {} UTC", utc.substr(0, 10), utc.substr(11, 5));
}

std::string name_of_person(const core::Who& who) {
    constexpr std::size_t name_chars_max = 80;
    auto name = shortened(visible(who.name), name_chars_max).text;
    return trim(name).empty() ? "somebody" : name;
}

Json data_of(const Press& press, bool in_dialog) {
    auto dialog = json_object("type", "task/fetch");
    if (press.about == "shown")
        return json_object("about", press.about, "act", press.act, "approve_reason", press.reason, "digest",
                           press.digest, "form", form, "request", press.request, "version", press.version);
    if (!press.about.empty())
        return json_object("about", press.about, "act", press.act, "form", form, "id", press.id);
    if (in_dialog)
        return json_object("act", press.act, "digest", press.digest, "form", form, "msteams", dialog, "page",
                           press.page, "pass", press.pass, "request", press.request, "version",
                           press.version);
    if (press.pass.empty())
        return json_object("act", press.act, "digest", press.digest, "form", form, "request", press.request,
                           "version", press.version);
    return json_object("act", press.act, "digest", press.digest, "form", form, "page", press.page, "pass",
                       press.pass, "request", press.request, "version", press.version);
}

// A line as it is drawn: runs, and a new block at each line end.
class LineWriter {
  public:
    explicit LineWriter(bool close) : close_(close) {}
    void add(std::string_view text, const Look& look) {
        for (auto end = text.find('\n'); end != std::string_view::npos; end = text.find('\n')) {
            push(text.substr(0, end), look);
            if (runs_.empty()) runs_.push_back(run(" "));  // else an empty line would leave no trace
            flush();
            text.remove_prefix(end + 1);
        }
        push(text, look);
    }
    std::vector<Json> take() {
        flush();
        return std::move(blocks_);
    }

  private:
    void push(std::string_view text, const Look& look) {
        if (!text.empty()) runs_.push_back(run(text, look));
    }
    void flush() {
        if (runs_.empty()) return;
        blocks_.push_back(rich(std::exchange(runs_, {}), close_));
        close_ = true;
    }
    bool close_;  // without a gap above
    Items runs_;
    std::vector<Json> blocks_;
};

}  // namespace

Json run(std::string_view text, const Look& look) {
    std::string made = "{";
    auto member = [&](std::string_view name, std::string_view json) {
        if (made.size() > 1) made += ',';
        made.append("\"").append(name).append("\":").append(json);
    };
    if (look.literal) member("fontType", "\"Monospace\"");
    if (look.quiet) member("isSubtle", "true");
    if (!look.opens.empty())
        member("selectAction", json_object("type", "Action.OpenUrl", "url", look.opens).text);
    if (look.large) member("size", "\"Medium\"");
    std::string quoted;
    core::quote_to(quoted, kept_blanks(text));
    member("text", quoted);
    member("type", "\"TextRun\"");
    if (look.strong) member("weight", "\"Bolder\"");
    made += '}';
    return {std::move(made)};
}

Json rich(Items runs, bool close) {
    auto inlines = std::move(runs).take();
    if (close) return json_object("inlines", inlines, "spacing", "None", "type", "RichTextBlock");
    return json_object("inlines", inlines, "type", "RichTextBlock");
}

Json said(std::string_view words) {
    return rich(Items(run(words)));
}

Json heading(std::string_view words) {
    return rich(Items(run(words, {.strong = true})));
}

Json card(Items body, Items actions, std::string_view fallback) {
    constexpr std::string_view schema = "http://adaptivecards.io/schemas/adaptive-card.json";
    constexpr std::size_t fallback_chars_max = 200;
    auto elements = std::move(body).take();
    const std::string words = without_markup(fallback, fallback_chars_max);
    if (actions.empty())
        return json_object("$schema", schema, "body", elements, "fallbackText", words, "type", "AdaptiveCard",
                           "version", "1.5");
    return json_object("$schema", schema, "actions", std::move(actions).take(), "body", elements,
                       "fallbackText", words, "type", "AdaptiveCard", "version", "1.5");
}

Json execute(std::string_view title, const Press& press, bool with_inputs) {
    std::string_view inputs = with_inputs ? "auto" : "none";
    auto data = data_of(press, false);
    auto fallback =
        json_object("associatedInputs", inputs, "data", data, "title", title, "type", "Action.Submit");
    return json_object("associatedInputs", inputs, "data", data, "fallback", fallback, "title", title, "type",
                       "Action.Execute", "verb", press.act);
}

Json submit(std::string_view title, const Press& press, bool opens_dialog, bool with_inputs) {
    return json_object("associatedInputs", with_inputs ? "auto" : "none", "data",
                       data_of(press, opens_dialog), "title", title, "type", "Action.Submit");
}

std::string_view title_of(core::Verdict verdict) {
    return core::words_of(verdict).title;
}

Json reason_input(std::string_view act, bool of_own_request) {
    auto id = fmt::format("{}_reason", act);
    std::string_view label = "Reason, shown on the card and to the requester:";
    if (act == core::name_of(core::Verdict::approve))
        label =
            "The policy asks for a reason with every approval of this request. It is shown on the card and "
            "to the requester:";
    if (of_own_request)
        label = "You are behind this request. The policy lets you approve it all the same, if you say why:";
    return json_object("errorMessage", "Say why", "id", id, "isMultiline", true, "isRequired", true, "label",
                       label, "maxLength", core::reason_chars_max, "type", "Input.Text");
}

Json comment_input(std::string_view act) {
    auto id = fmt::format("{}_reason", act);
    return json_object("id", id, "isMultiline", true, "label",
                       "Comment (optional), shown on the card and to the requester:", "maxLength",
                       core::reason_chars_max, "type", "Input.Text");
}

std::vector<Json> resource_input(std::string_view resource) {
    std::vector<Json> blocks = fixed_width(visible(resource));
    blocks.insert(blocks.begin(), said("The policy asks whoever approves this to type the resource's name:"));
    blocks.push_back(json_object("errorMessage", "Type the name", "id", "resource", "isRequired", true,
                                 "label", "The resource's name, exactly as it stands above:", "maxLength",
                                 core::resource_chars_max, "type", "Input.Text"));
    return blocks;
}

std::vector<Json> number_inputs(const std::vector<core::Lowerable>& numbers) {
    constexpr std::size_t label_chars_max = 200;
    std::vector<Json> inputs;
    for (std::size_t i = 0; i < numbers.size(); ++i) {
        auto label = shortened(fmt::format("{} (asked for: {})", core::parameter_name(numbers[i].field),
                                           core::canonical_number(numbers[i].now)),
                               label_chars_max);
        inputs.push_back(json_object("id", fmt::format("number{}", i), "label", label.text, "type",
                                     "Input.Text", "value", core::canonical_number(numbers[i].now)));
    }
    return inputs;
}

Json show_card(std::string_view title, Items body, const Json& action) {
    auto inner = json_object("actions", Items(action).take(), "body", std::move(body).take(), "type",
                             "AdaptiveCard", "version", "1.5");
    return json_object("card", inner, "title", title, "type", "Action.ShowCard");
}

Short shortened(std::string safe, std::size_t chars_max) {
    const std::size_t chars = code_points(safe);
    if (chars <= chars_max) return {std::move(safe), true};
    constexpr std::size_t note_chars = 40;
    const std::size_t room = chars_max > note_chars ? chars_max - note_chars : 0;
    const std::size_t head = room - room / 4;
    const std::size_t tail = room / 4;
    std::size_t seen = 0;
    std::size_t head_end = 0;
    std::size_t tail_begin = safe.size();
    for (std::size_t at = 0; at < safe.size(); ++at) {
        const bool begins = (static_cast<unsigned char>(safe[at]) & 0xC0U) != 0x80U;
        if (!begins) continue;
        if (seen == head) head_end = at;
        if (seen == chars - tail) {
            tail_begin = at;
            break;
        }
        ++seen;
    }
    return {fmt::format("{} […{} more characters…] {}", std::string_view{safe}.substr(0, head_end),
                        chars - head - tail, std::string_view{safe}.substr(tail_begin)),
            false};
}

std::string without_markup(std::string_view text, std::size_t chars_max) {
    std::string plain = shortened(printable(text), chars_max).text;
    for (char& ch : plain) {
        const bool letter = (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') || (ch >= '0' && ch <= '9');
        if (!letter && std::string_view{" .,:-/#"}.find(ch) == std::string_view::npos) ch = '?';
    }
    return plain;
}

std::vector<Json> line(const core::CardLine& line, const TeamsStyle& style, bool close) {
    using Kind = core::CardRun::Kind;
    LineWriter writer{close};
    for (const core::CardRun& part : line) {
        switch (part.kind) {
            case Kind::words:
            case Kind::prose:
                writer.add(part.text, {});
                break;
            case Kind::strong:
                writer.add(part.text, {.strong = true});
                break;
            case Kind::quiet:
                writer.add(part.text, {.quiet = true});
                break;
            case Kind::literal:
                writer.add(part.text, {.literal = true});
                break;
            case Kind::address: {
                const bool opens = may_link(part.text, style.link_hosts);
                const auto url = opens ? std::string_view{part.text} : std::string_view{};
                writer.add(quoted_text(part.text), {.literal = true, .opens = url});
                break;
            }
            case Kind::link:
                writer.add(part.text, {.opens = part.url});
                break;
            case Kind::people:
                for (std::size_t i = 0; i < part.people.size(); ++i) {
                    if (i > 0) writer.add(", ", {});
                    writer.add(name_of_person(part.people[i]), {.literal = true});
                }
                break;
            case Kind::moment:
                writer.add(moment_text(part.at), {});
                break;
        }
    }
    return writer.take();
}

std::vector<Json> fixed_width(std::string_view raw) {
    constexpr std::size_t piece_bytes_max = 3'000;
    std::vector<Json> blocks;
    while (!raw.empty()) {
        const auto end = raw.find('\n');
        auto rest = raw.substr(0, end);
        do {
            const auto piece = clip_utf8(rest, piece_bytes_max);
            // An empty line would leave no trace.
            blocks.push_back(
                rich(Items(run(piece.empty() ? std::string_view{" "} : piece, {.literal = true})), true));
            rest.remove_prefix(piece.size());
        } while (!rest.empty());
        raw.remove_prefix(end == raw.npos ? raw.size() : end + 1);
    }
    return blocks;
}

Json quoted(Items blocks) {
    return json_object("items", std::move(blocks).take(), "style", "emphasis", "type", "Container");
}

std::size_t bytes_of(const std::vector<Json>& blocks) {
    std::size_t bytes = 0;
    for (const Json& block : blocks) bytes += block.text.size() + 1;
    return bytes;
}

}  // namespace countersign::wire::cards
