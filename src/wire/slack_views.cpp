#include "countersign/wire/slack_views.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <span>
#include <utility>

#include "countersign/base/text.hpp"
#include "countersign/wire/json.hpp"
#include "wire/slack_blocks.hpp"

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

// Puts what a full view shows on pages, in blocks that a person can scroll through.
class Pages {
  public:
    void add(const b::Json& block, std::size_t units) {
        constexpr std::size_t page_units_max = 40'000;
        constexpr std::size_t page_blocks_max = 40;
        if (full()) return;
        const bool room = !pages_.empty() && units_ + units <= page_units_max && blocks_ < page_blocks_max;
        if (!room) {
            pages_.emplace_back();
            units_ = blocks_ = 0;
        }
        pages_.back().push_back(block);
        units_ += units;
        ++blocks_;
    }
    bool full() const { return pages_.size() > slack_pages_max; }
    std::size_t count() const { return pages_.size(); }
    b::Items& page(std::size_t number) { return pages_.at(number - 1); }

  private:
    std::vector<b::Items> pages_;
    std::size_t units_ = 0;
    std::size_t blocks_ = 0;
};

// Texts of any length as blocks of one fixed width; `above` stands before the first.
class Preformatted {
  public:
    Preformatted(Pages& to, std::string_view id) : to_(to), id_(id) {}

    void above(b::Json section) { above_ = std::move(section); }
    void line(std::string_view text) {
        if (b::units(chunk_) + b::units(text) + 1 > b::text_units_max) flush();
        if (!chunk_.empty()) chunk_ += '\n';
        for (; b::units(text) > b::text_units_max; flush()) {
            auto part = b::head(text, b::text_units_max);
            chunk_ += part;
            text.remove_prefix(part.size());
        }
        chunk_ += text;
    }
    void flush() {
        if (chunk_.empty()) return;
        b::Items elements;
        if (above_) elements.push_back(*std::exchange(above_, std::nullopt));
        elements.push_back(b::rich_preformatted(chunk_));
        to_.add(b::rich_text(fmt::format("{}{}", id_, count_++), std::move(elements)), b::units(chunk_));
        chunk_.clear();
    }

  private:
    Pages& to_;
    std::string id_;
    std::optional<b::Json> above_;
    std::string chunk_;
    std::size_t count_ = 0;
};

b::Json lines_block(std::string_view id, std::span<const core::CardLine> lines, const SlackStyle& style) {
    b::Items elements;
    for (const core::CardLine& line : lines) b::push_line(elements, line, style);
    return b::rich_text(id, b::Items(b::rich_section(std::move(elements))));
}

// A link is clickable only where the settings allow it; else it is a title and an address to read.
CardSection with_links(CardSection section, const SlackStyle& style) {
    for (core::CardLine& line : section.lines) {
        if (b::may_link(line.back().text, style)) continue;
        line.back().kind = core::CardRun::Kind::literal;
        line.back().text = quoted_text(line.back().text);
        line.insert(line.end() - 1, core::CardRun{.kind = core::CardRun::Kind::strong, .text = "\naddress "});
    }
    return section;
}

void add_lines(Pages& to, std::string_view id, std::span<const core::CardLine> lines,
               const SlackStyle& style) {
    for (std::size_t i = 0; i < lines.size(); ++i) {
        const auto block = lines_block(fmt::format("{}{}", id, i), lines.subspan(i, 1), style);
        to.add(block, block.text.size());
    }
}

void add_raw(Pages& to, std::string_view id, const CardSection& section, const SlackStyle& style) {
    b::Items elements;
    if (!section.heading.empty() || !section.lines.empty()) {
        b::Items above;
        if (!section.heading.empty()) above.push_back(b::bold(section.heading));
        for (const core::CardLine& line : section.lines) b::push_line(above, line, style);
        elements.push_back(b::rich_section(std::move(above)));
    }
    std::size_t count = 0;
    for (std::string_view piece : b::pieces_of(section.raw)) {
        if (to.full()) return;
        elements.push_back(b::rich_preformatted(piece));
        to.add(b::rich_text(fmt::format("{}{}", id, count++), std::exchange(elements, {})), b::units(piece));
    }
}

void add_section(Pages& to, std::size_t index, const CardSection& section, const SlackStyle& style) {
    using Part = CardSection::Part;
    const std::string id = fmt::format("part{}.", index);
    if (!section.raw.empty()) return add_raw(to, id, section, style);
    switch (section.part) {
        case Part::intent:
            return to.add(b::quotation(id, section), b::units(section.lines.front().front().text));
        case Part::links:
            return add_lines(to, id, with_links(section, style).lines, style);
        case Part::labels:
            return add_lines(to, id, section.lines, style);
        case Part::parameters: {
            Preformatted table{to, id};
            table.above(b::rich_section(b::Items(b::bold(section.heading))));
            for (const core::CardLine& parameter : section.lines) table.line(parameter.front().text);
            table.flush();
            if (!section.note.empty())
                to.add(b::section(id + "note", b::plain(section.note)), section.note.size());
            return;
        }
        default:
            if (!section.lines.empty()) add_lines(to, id, section.lines, style);
    }
}

bool may_change(const CardSection& section) {
    return section.part == CardSection::Part::votes || section.part == CardSection::Part::takes;
}

// What never changes of a request, and so has the same pages however often it is asked for.
Pages pages_of(std::span<const CardSection> sections, const SlackStyle& style) {
    Pages pages;
    for (std::size_t i = 0; i < sections.size() && !pages.full(); ++i)
        if (!may_change(sections[i])) add_section(pages, i, sections[i], style);
    return pages;
}

b::Json page_buttons(const SlackViewNote& note) {
    b::Items buttons;
    if (note.page > 1) buttons.push_back(b::button(slack_page_before, "Back", note.request));
    if (note.page < note.pages)
        buttons.push_back(b::button(slack_next_page, "Next", note.request, "primary"));
    return b::actions(fmt::format("pages.{}", note.page), std::move(buttons));
}

// What can still change comes after everything else.
void add_lines_of(b::Items& to, const CardSection& section, const SlackStyle& style) {
    const std::string_view id = section.part == CardSection::Part::votes ? "vote" : "takes";
    for (std::size_t i = 0; i < section.lines.size(); ++i)
        to.push_back(lines_block(fmt::format("{}{}", id, i), std::span{section.lines}.subspan(i, 1), style));
}

b::Json comment_input() {
    auto input = json_object("action_id", "text", "max_length", core::reason_chars_max, "multiline", true,
                             "type", "plain_text_input");
    return json_object("block_id", "reason", "element", input, "hint",
                       b::plain("Shown on the card and to the requester"), "label", b::plain("Comment"),
                       "optional", true, "type", "input");
}

// The name stands above the input as it is to be typed.
void add_resource_input(b::Items& blocks, std::string_view resource) {
    constexpr std::size_t resource_units_max = 2'900;
    b::Items name(b::rich_preformatted(b::cut(visible(resource), resource_units_max).text));
    blocks.push_back(b::rich_text("name", std::move(name)));
    auto input = json_object("action_id", "text", "focus_on_load", true, "max_length",
                             core::resource_chars_max, "type", "plain_text_input");
    blocks.push_back(json_object("block_id", "resource", "element", input, "hint",
                                 b::plain("The policy asks for it: exactly as it stands above"), "label",
                                 b::plain("Type the resource's name"), "type", "input"));
}

// What was asked for stands in it already, so that lowering it is one change.
void add_number_inputs(b::Items& blocks, const std::vector<core::Lowerable>& numbers) {
    constexpr std::size_t label_units_max = 200;
    for (std::size_t i = 0; i < numbers.size(); ++i) {
        const std::string now = core::canonical_number(numbers[i].now);
        auto input = json_object("action_id", "text", "focus_on_load", i == 0, "initial_value", now,
                                 "is_decimal_allowed", true, "max_value", now, "min_value", "0", "type",
                                 "number_input");
        auto label = b::cut(fmt::format("{} (asked for: {})", core::parameter_name(numbers[i].field), now),
                            label_units_max);
        blocks.push_back(json_object("block_id", fmt::format("number{}", i), "element", input, "label",
                                     b::plain(label.text), "optional", true, "type", "input"));
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
    return json_object("channel", note.channel, "message", note.message, "page", note.page, "pages",
                       note.pages, "request", note.request, "seal", note.seal, "seen", note.seen)
        .text;
}

std::optional<SlackViewNote> read_slack_view_note(std::string_view metadata) {
    auto parsed = parse_json(metadata, {.bytes_max = note_bytes_max, .strict = false});
    if (!parsed || !(*parsed)["request"].string()) return std::nullopt;
    auto count = [&](std::string_view name) {
        return static_cast<std::size_t>(
            std::clamp<std::int64_t>((*parsed)[name].whole(), 0, slack_pages_max));
    };
    SlackViewNote note;
    note.request = (*parsed)["request"].text();
    note.channel = (*parsed)["channel"].text();
    note.message = (*parsed)["message"].text();
    note.page = count("page");
    note.seen = count("seen");
    note.pages = count("pages");
    note.seal = (*parsed)["seal"].text();
    return note;
}

JsonText slack_reason_view(const ReasonAsked& asked, const SlackViewNote& note) {
    std::string_view act = core::words_of(asked.verdict).title;
    b::Items blocks(b::section("about", b::plain(inert(asked.about, 300))));
    if (asked.own)
        blocks.push_back(b::section(
            "why",
            b::plain(asked.needs_reason ? "You are behind this request. The policy lets you approve it "
                                          "all the same, if you say why."
                                        : "You are behind this request. The policy lets you approve it all "
                                          "the same.")));
    else if (asked.verdict == core::Verdict::approve && asked.needs_reason)
        blocks.push_back(
            b::section("why", b::plain("The policy asks for a reason with every approval of this request.")));
    else if (asked.verdict == core::Verdict::review)
        blocks.push_back(b::section(
            "why",
            b::plain("It was approved by somebody who is behind it. Say what you found: whether it was "
                     "called for, and what came of it.")));
    add_number_inputs(blocks, asked.numbers);
    if (!asked.resource.empty()) add_resource_input(blocks, asked.resource);
    if (asked.needs_reason) {
        auto input = json_object("action_id", "text", "focus_on_load", asked.resource.empty(), "max_length",
                                 core::reason_chars_max, "min_length", 1, "multiline", true, "type",
                                 "plain_text_input");
        blocks.push_back(json_object("block_id", "reason", "element", input, "hint",
                                     b::plain("Shown on the card and to the requester"), "label",
                                     b::plain("Reason"), "type", "input"));
    } else {
        blocks.push_back(comment_input());
    }
    return view(core::name_of(asked.verdict), fmt::format("{} #{}", act, asked.number), std::move(blocks),
                slack_view_note(note), act);
}

std::size_t slack_full_view_pages(const CardView& card, const SlackStyle& style) {
    return pages_of(core::full_view_sections(card), style).count();
}

JsonText slack_full_view(const CardView& card, const SlackStyle& style, const SlackViewNote& note,
                         bool can_approve) {
    const auto sections = core::full_view_sections(card);
    Pages pages = pages_of(sections, style);
    const auto title = fmt::format("Request #{}", card.number);
    if (pages.full()) {
        b::Items& first = pages.page(1);
        first.push_back(b::section(
            "rest",
            b::plain(fmt::format("This is more than can be shown here, so it cannot be approved in Slack. "
                                 "To read all of it run: countersign show {}. Whoever has read it votes "
                                 "through the API.",
                                 card.id.text()))));
        return view(slack_details, title, std::move(first), slack_view_note(note));
    }
    const std::size_t page = std::clamp<std::size_t>(note.page, 1, pages.count());
    b::Items blocks;
    if (pages.count() > 1)
        blocks.push_back(b::context("page", fmt::format("Page {} of {}", page, pages.count())));
    b::Items& body = pages.page(page);
    blocks.append(body);
    const bool last = page == pages.count();
    if (last)
        for (const CardSection& section : sections)
            if (may_change(section)) add_lines_of(blocks, section, style);
    if (pages.count() > 1) blocks.push_back(page_buttons(note));
    const bool approvable = can_approve && note.seen == pages.count();
    if (approvable && card.resource_typed) add_resource_input(blocks, card.resource.value_or(""));
    if (approvable) blocks.push_back(comment_input());
    return view(approvable ? slack_approve : slack_details, title, std::move(blocks), slack_view_note(note),
                approvable ? "Approve" : "");
}

JsonText slack_outcome_view(std::string_view title, std::string_view sentence) {
    return view("outcome", title,
                b::Items(b::section("outcome", b::plain(inert(sentence, b::text_units_max)))), {});
}

namespace {

std::string sign_in_sentence(std::string_view about) {
    return inert(fmt::format("The policy asks whoever approves this to sign in for it: {}", about), 1'000);
}

b::Items sign_in_blocks(std::string_view about, std::string_view address) {
    return b::Items(
        b::section("sign_in", b::plain(sign_in_sentence(about))),
        b::actions("sign_in.open", b::Items(b::link_button(slack_sign_in, "Sign in and approve", address))),
        b::section("sign_in.note", b::plain("The link opens your browser, is for you alone, and is good for "
                                            "five minutes. Nothing is recorded before you approve there.")));
}

}  // namespace

JsonText slack_sign_in_view(std::int64_t number, std::string_view about, std::string_view address) {
    return view("sign_in", fmt::format("Approve #{}", number), sign_in_blocks(about, address), {});
}

SlackPrivate slack_private_sign_in(std::string_view about, std::string_view address) {
    return made_private(sign_in_sentence(about), sign_in_blocks(about, address));
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

// `about`: what the block is called by; ids of blocks are short.
SlackPrivate question(const std::vector<std::string>& lines, Choice yes, Choice no, std::string_view value,
                      std::string_view about) {
    auto blocks = line_blocks(lines);
    blocks.push_back(
        b::actions(fmt::format("asked.{}", about), b::Items(b::button(yes.action, yes.text, value, "primary"),
                                                            b::button(no.action, no.text, value, "danger"))));
    return made_private(first_of(lines), std::move(blocks));
}

}  // namespace

JsonText slack_lines_view(std::string_view title, const std::vector<std::string>& lines) {
    return view("outcome", title, line_blocks(lines), {});
}

SlackPrivate slack_private_lines(const std::vector<std::string>& lines) {
    return made_private(first_of(lines), line_blocks(lines));
}

SlackPrivate slack_announcement(std::string_view words, std::string_view raw) {
    const std::vector<std::string> lines{std::string(words)};
    auto blocks = line_blocks(lines);
    b::Items elements(b::rich_preformatted(raw));
    blocks.push_back(b::rich_text("raw", std::move(elements)));
    return made_private(first_of(lines), std::move(blocks));
}

SlackPrivate slack_private_link(const std::vector<std::string>& lines, std::string_view offer) {
    return question(lines, {slack_link_agree, "Yes, both are mine"}, {slack_link_decline, "No"}, offer,
                    offer);
}

SlackPrivate slack_private_token(const std::vector<std::string>& lines, std::string_view token) {
    return question(lines, {slack_token_agree, "Yes, it may vote for me"},
                    {slack_token_decline, "No, end it"}, token, token);
}

SlackPrivate slack_private_vote(const std::vector<std::string>& lines, std::string_view vote) {
    return question(lines, {slack_vote_agree, "Yes, that is my vote"}, {slack_vote_decline, "No"}, vote,
                    "vote");
}

}  // namespace countersign::wire
