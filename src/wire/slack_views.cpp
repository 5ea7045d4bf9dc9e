#include <fmt/format.h>

#include <algorithm>
#include <span>
#include <utility>

#include "countersign/base/text.hpp"
#include "countersign/wire/json.hpp"
#include "countersign/wire/slack_card.hpp"
#include "wire/slack_blocks.hpp"

// Views (modals) and the messages that one person sees.
namespace countersign::wire {

namespace b = blocks;
using core::CardSection;
using core::CardView;

namespace {

constexpr std::size_t note_bytes_max = 3'000;

// `submit`: what the button that sends it says; empty: there is nothing to send.
JsonText view(std::string_view callback, std::string_view title, b::Items blocks, std::string_view metadata,
              std::string_view submit = {}) {
    auto content = std::move(blocks).take();
    auto its_title = b::plain(b::head(title, 24));
    if (submit.empty())
        return json_object("blocks", content, "callback_id", callback, "close", b::plain("Close"),
                           "private_metadata", metadata, "title", its_title, "type", "modal");
    return json_object("blocks", content, "callback_id", callback, "close", b::plain("Cancel"),
                       "private_metadata", metadata, "submit", b::plain(submit), "title", its_title, "type",
                       "modal");
}

// Fills a view up to its limits of blocks and bytes, keeping room for the closing words.
class ViewWriter {
  public:
    bool add(const b::Json& block) {
        std::size_t bytes = block.text.size() + 1;
        if (blocks_.size() + 2 > slack_view_blocks_max || bytes_ + bytes > slack_view_bytes_max - 4'000)
            return false;
        bytes_ += bytes;
        blocks_.push_back(block);
        return true;
    }
    void close_with(std::string_view words) { blocks_.push_back(b::section("rest", b::plain(words))); }
    b::Items take() { return std::move(blocks_); }

  private:
    b::Items blocks_;
    std::size_t bytes_ = 500;
};

b::Short in_view(std::string safe, std::size_t units_max) {
    return units_max == 0 ? b::Short{std::move(safe), true} : b::cut(std::move(safe), units_max);
}

b::Json lines_block(std::string_view id, std::span<const core::CardLine> lines, const SlackStyle& style) {
    b::Items elements;
    for (const core::CardLine& line : lines) b::push_line(elements, line, style, in_view);
    return b::rich_text(id, b::Items(b::rich_section(std::move(elements))));
}

b::Json intent_block(const CardSection& section) {
    b::Items words;
    b::push_text(words, section.lines.front().front().text);
    return b::rich_text("intent", b::Items(b::rich_section(b::Items(b::bold(section.heading))),
                                           b::rich_quote(std::move(words))));
}

// All parameters, one a line, cut into blocks. Returns how many characters did not fit.
std::size_t add_parameters(ViewWriter& to, const CardSection& section) {
    std::string all;
    for (const core::CardLine& parameter : section.lines) {
        if (!all.empty()) all += '\n';
        all += parameter.front().text;
    }
    std::string_view rest = all;
    for (int n = 0; !rest.empty(); ++n) {
        auto part = b::head(rest, b::text_units_max);
        // Between two lines where that is possible.
        if (auto end = part.rfind('\n');
            part.size() < rest.size() && end != part.npos && end > part.size() / 2)
            part = part.substr(0, end);
        b::Items elements;
        if (n == 0) elements.push_back(b::rich_section(b::Items(b::bold(section.heading))));
        elements.push_back(b::rich_preformatted(part));
        if (!to.add(b::rich_text(fmt::format("parameters{}", n), std::move(elements))))
            return code_points(rest);
        rest.remove_prefix(part.size());
        if (rest.starts_with('\n')) rest.remove_prefix(1);
    }
    return 0;
}

// Each line as a block of its own, as far as there is room.
void add_one_by_one(ViewWriter& to, std::string_view id, const CardSection& section,
                    const SlackStyle& style) {
    const std::size_t shown =
        section.lines_max == 0 ? section.lines.size() : std::min(section.lines_max, section.lines.size());
    for (std::size_t i = 0; i < shown; ++i)
        if (!to.add(lines_block(fmt::format("{}{}", id, i), std::span{section.lines}.subspan(i, 1), style)))
            return;
}

// A link is clickable only where the settings allow it; else it is a title and an address to read.
CardSection with_links(CardSection section, const SlackStyle& style) {
    for (core::CardLine& line : section.lines) {
        line[1].text += " ";
        if (b::may_link(line.back().text, style)) continue;
        line.back().kind = core::CardRun::Kind::literal;
        line.back().text = quoted_text(line.back().text);
        line.insert(line.end() - 1, core::CardRun{.kind = core::CardRun::Kind::strong, .text = "\naddress "});
    }
    return section;
}

// Returns how many characters of parameters did not fit; nothing that comes after them is then shown.
std::size_t add_section(ViewWriter& to, const CardSection& section, const SlackStyle& style) {
    using Part = CardSection::Part;
    switch (section.part) {
        case Part::intent:
            to.add(intent_block(section));
            return 0;
        case Part::parameters:
            return add_parameters(to, section);
        case Part::votes:
            add_one_by_one(to, "vote", section, style);
            return 0;
        case Part::links:
            add_one_by_one(to, "link", with_links(section, style), style);
            return 0;
        case Part::labels:
            to.add(lines_block("labels", section.lines, style));
            return 0;
        default:
            to.add(lines_block("facts", section.lines, style));
            return 0;
    }
}

SlackPrivate made_private(std::string_view fallback, b::Items blocks) {
    return {slack_escaped(fallback), std::move(blocks).take()};
}

std::string inert(std::string_view sentence, std::size_t units_max) {
    auto shown = b::cut(printable(sentence), units_max).text;
    return trim(shown).empty() ? std::string{"…"} : shown;
}

}  // namespace

std::string slack_view_note(const SlackViewNote& note) {
    return json_object("channel", note.channel, "message", note.message, "request", note.request).text;
}

std::optional<SlackViewNote> read_slack_view_note(std::string_view metadata) {
    auto parsed = parse_json(metadata, {.bytes_max = note_bytes_max, .strict = false});
    if (!parsed || !(*parsed)["request"].string()) return std::nullopt;
    SlackViewNote note;
    note.request = (*parsed)["request"].text();
    note.channel = (*parsed)["channel"].text();
    note.message = (*parsed)["message"].text();
    return note;
}

JsonText slack_reason_view(core::Verdict verdict, const SlackViewNote& note) {
    std::string_view act = verdict == core::Verdict::deny   ? "Deny"
                           : verdict == core::Verdict::hold ? "Hold"
                                                            : "Approve";
    auto input = json_object("action_id", "text", "focus_on_load", true, "max_length", core::reason_chars_max,
                             "min_length", 1, "multiline", true, "type", "plain_text_input");
    b::Items blocks;
    if (verdict == core::Verdict::approve)
        blocks.push_back(
            b::section("own", b::plain("You are behind this request. The policy lets you approve it "
                                       "all the same, if you say why.")));
    blocks.push_back(json_object("block_id", "reason", "element", input, "hint",
                                 b::plain("Shown on the card and to the requester"), "label",
                                 b::plain("Reason"), "type", "input"));
    return view(core::name_of(verdict), fmt::format("{} request", act), std::move(blocks),
                slack_view_note(note), act);
}

JsonText slack_details_view(const CardView& card, const SlackStyle& style, const SlackViewNote& note,
                            bool with_approve) {
    ViewWriter writer;
    std::size_t left_out = 0;
    for (const CardSection& section : core::full_view_sections(card))
        if (left_out == 0) left_out = add_section(writer, section, style);
    if (left_out > 0)
        writer.close_with(
            fmt::format("{} more characters of parameters do not fit into a Slack view. To read all of it "
                        "run: countersign "
                        "show {}",
                        left_out, card.id.text()));
    return view(with_approve ? slack_approve : slack_details, fmt::format("Request #{}", card.number),
                writer.take(), slack_view_note(note), with_approve ? "Approve" : "");
}

JsonText slack_outcome_view(std::string_view title, std::string_view sentence) {
    return view("outcome", title,
                b::Items(b::section("outcome", b::plain(inert(sentence, b::text_units_max)))), {});
}

JsonText slack_response(const SlackPrivate& said) {
    return json_object("blocks", said.blocks, "replace_original", said.replaces, "response_type", "ephemeral",
                       "text", said.text);
}

JsonText slack_command_answer(const SlackPrivate& said) {
    return json_object("blocks", said.blocks, "response_type", "ephemeral", "text", said.text);
}

SlackPrivate slack_private(std::string_view sentence) {
    auto shown = inert(sentence, b::text_units_max);
    return made_private(shown, b::Items(b::section("private", b::plain(shown))));
}

SlackPrivate slack_private_full_view(std::string_view sentence, const core::RequestId& request) {
    auto shown = inert(sentence, b::text_units_max);
    auto button = b::button(slack_approve, "Open the full view", request.text());
    return made_private(shown,
                        b::Items(b::section("private", b::plain(shown)),
                                 b::actions(fmt::format("act.{}.full", request.text()), b::Items(button))));
}

namespace {

b::Items line_blocks(const std::vector<std::string>& lines) {
    b::Items blocks;
    for (const std::string& line : lines)
        blocks.push_back(b::section(fmt::format("line.{}", blocks.size()), b::plain(inert(line, 500))));
    return blocks;
}

std::string first_of(const std::vector<std::string>& lines) {
    return inert(lines.empty() ? std::string_view{} : lines.front(), 500);
}

struct Choice {
    std::string_view action;
    std::string_view text;
};

SlackPrivate question(const std::vector<std::string>& lines, Choice yes, Choice no, std::string_view value) {
    auto blocks = line_blocks(lines);
    blocks.push_back(
        b::actions(fmt::format("asked.{}", value), b::Items(b::button(yes.action, yes.text, value, "primary"),
                                                            b::button(no.action, no.text, value, "danger"))));
    return made_private(first_of(lines), std::move(blocks));
}

}  // namespace

SlackPrivate slack_private_lines(const std::vector<std::string>& lines) {
    return made_private(first_of(lines), line_blocks(lines));
}

SlackPrivate slack_private_link(const std::vector<std::string>& lines, std::string_view offer) {
    return question(lines, {slack_link_agree, "Yes, both are mine"}, {slack_link_decline, "No"}, offer);
}

SlackPrivate slack_private_token(const std::vector<std::string>& lines, std::string_view token) {
    return question(lines, {slack_token_agree, "Yes, it may vote for me"},
                    {slack_token_decline, "No, end it"}, token);
}

SlackPrivate slack_private_list(std::string_view heading, const std::vector<core::CardSummary>& items) {
    b::Items blocks(b::section("heading", b::plain(inert(heading, 500))));
    for (const core::CardSummary& item : items) {
        auto words = fmt::format("#{}  {}", item.number, inert(item.line, 240));
        if (!item.detail.empty()) words += "\n" + inert(item.detail, 240);
        blocks.push_back(json_object("accessory", b::button(slack_details, "Details", item.id.text()),
                                     "block_id", fmt::format("item.{}", item.id.text()), "text",
                                     b::plain(words), "type", "section"));
    }
    return made_private(inert(heading, 500), std::move(blocks));
}

}  // namespace countersign::wire
