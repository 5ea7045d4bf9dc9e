#include "countersign/wire/slack_card.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "countersign/base/text.hpp"
#include "countersign/core/card_sections.hpp"
#include "wire/slack_blocks.hpp"

namespace countersign::wire {

namespace b = blocks;
using core::CardLine;
using core::CardSection;
using core::CardView;
using Part = CardSection::Part;

namespace {

constexpr std::string_view full_suffix = ".full";
constexpr std::size_t reason_units_max = 1'900;  // a button's value holds 2,000
constexpr std::string_view asked_prefix = "shown.";

// Words in mrkdwn, one line after another, cut between lines when the limit is reached.
class Lines {
  public:
    explicit Lines(std::size_t units_max) : left_(units_max) {}
    void add(std::string_view line) {
        std::size_t cost = b::units(line) + 1;
        if (cost > left_) {
            ++left_out_;
            return;
        }
        left_ -= cost;
        if (!text_.empty()) text_ += '\n';
        text_ += line;
    }
    std::string take() {
        if (left_out_ > 0) text_ += fmt::format("\nand {} more: see Details", left_out_);
        return std::move(text_);
    }

  private:
    std::size_t left_;
    std::size_t left_out_ = 0;
    std::string text_;
};

std::string_view style_of(core::CardButton button) {
    if (button == core::CardButton::approve) return "primary";
    const bool ends = button == core::CardButton::deny || button == core::CardButton::revoke;
    return ends ? "danger" : "";
}

// Draws one card. How much of each text it shows was decided before.
class CardWriter {
  public:
    CardWriter(const CardView& card, const SlackStyle& style)
        : card_(card), style_(style), id_(fmt::format(".{}.{}", card.id.text(), card.version)) {}

    SlackMessage write(const std::vector<core::CardButton>& buttons) {
        const core::CardText text = core::card_text(card_);
        for (const CardSection& section : text.sections) draw(section);
        end_what();
        if (!buttons.empty()) blocks_.push_back(actions(buttons, text.whole));
        return message(text.whole);
    }

    // With the question whether to approve it, above and below.
    SlackMessage ask(std::string_view note, std::string_view reason, bool whole) {
        const core::CardText text = core::card_text(card_);
        if (!note.empty()) blocks_.push_back(b::section("note", b::plain(b::cut(printable(note), 500).text)));
        for (const CardSection& section : text.sections) draw(section);
        end_what();
        whole = whole && text.whole;
        const auto asks = whole ? fmt::format("Approve #{}? Nothing is recorded yet.", card_.number)
                                : fmt::format(
                                      "This is not all that #{} asks for. The rest stands in the full "
                                      "view, from which it can be approved.",
                                      card_.number);
        blocks_.push_back(b::section("question", b::plain(asks)));
        auto value = card_.id.text();
        if (!reason.empty() && whole) value += fmt::format(" {}", b::head(reason, reason_units_max));
        auto id = fmt::format("{}{}.{}", asked_prefix, card_.version, card_.digest);
        b::Items buttons(b::button(slack_approve, whole ? "Approve" : "Open the full view", value, "primary"),
                         b::button(slack_details, "Details", card_.id.text()));
        blocks_.push_back(
            b::actions(whole ? id : "act" + id_ + std::string(full_suffix), std::move(buttons)));
        return message(whole);
    }

  private:
    SlackMessage message(bool whole) {
        SlackMessage message;
        message.text = slack_escaped(core::notification_text(card_));
        message.blocks = std::move(blocks_).take();
        message.metadata =
            json_object("event_payload", json_object("request_id", card_.id.text(), "version", card_.version),
                        "event_type", "countersign_request");
        message.whole = whole;
        return message;
    }

    static constexpr std::size_t lines_units_max = 2'000;

    // New for every version: else what a reader's client remembers of a block may stick to the next one.
    std::string id(std::string_view part) const {
        std::string whole;
        whole.reserve(part.size() + id_.size());
        return whole.append(part).append(id_);
    }

    void draw(const CardSection& section) {
        const bool what = section.part == Part::what || section.part == Part::labels;
        if (what) return b::push_section(what_, section, style_);
        end_what();
        switch (section.part) {
            case Part::headline:
                return blocks_.push_back(b::header(id("head"), b::plain_line(section.lines.front())));
            case Part::intent:
                return blocks_.push_back(b::quotation(id("intent"), section));
            case Part::who:
                return rich(section, "who");
            case Part::votes:
                return rich(section, "votes");
            case Part::takes:
                return mrkdwn(section, "takes");
            case Part::outcome:
                return mrkdwn(section, "outcome");
            default:
                return blocks_.push_back(
                    b::context(id("small"), b::mrkdwn_line(section.lines.front(), style_)));
        }
    }
    // What is asked for is one block, whatever it is made of.
    void end_what() {
        if (what_.empty()) return;
        blocks_.push_back(b::rich_text(id("what"), std::exchange(what_, b::Items{})));
    }

    void rich(const CardSection& section, std::string_view part) {
        b::Items elements;
        b::push_section(elements, section, style_);
        blocks_.push_back(b::rich_text(id(part), std::move(elements)));
    }
    // Where moments stand: each reader sees them in their own time.
    void mrkdwn(const CardSection& section, std::string_view part) {
        Lines lines{lines_units_max};
        for (const CardLine& line : section.lines) lines.add(b::mrkdwn_line(line, style_));
        blocks_.push_back(b::section(id(part), b::mrkdwn(lines.take())));
    }

    b::Json actions(const std::vector<core::CardButton>& buttons, bool whole) const {
        const std::string value = card_.id.text();
        b::Items drawn;
        for (core::CardButton button : buttons)
            drawn.push_back(b::button(core::id_of(button), core::name_of(button), value, style_of(button)));
        return b::actions(id("act") + (whole ? "" : std::string(full_suffix)), std::move(drawn));
    }

    const CardView& card_;
    const SlackStyle& style_;
    const std::string id_;  // what the id of each of its blocks ends in
    b::Items blocks_;
    b::Items what_;
};

}  // namespace

SlackMessage slack_card(const CardView& card, const SlackStyle& style) {
    return CardWriter{card, style}.write(core::card_buttons(card));
}

SlackPrivate slack_private_card(const CardView& card, const SlackStyle& style) {
    auto message = CardWriter{card, style}.write({core::CardButton::details});
    return {std::move(message.text), std::move(message.blocks)};
}

SlackPrivate slack_private_approval(const CardView& card, const SlackStyle& style, std::string_view note,
                                    std::string_view reason, bool whole) {
    auto message = CardWriter{card, style}.ask(note, reason, whole);
    return {std::move(message.text), std::move(message.blocks)};
}

std::optional<SlackAskedAbout> read_slack_asked(std::string_view block_id) {
    if (!block_id.starts_with(asked_prefix)) return std::nullopt;
    block_id.remove_prefix(asked_prefix.size());
    SlackAskedAbout asked;
    const auto [end, wrong] =
        std::from_chars(block_id.data(), block_id.data() + block_id.size(), asked.version);
    const auto digits = static_cast<std::size_t>(end - block_id.data());
    if (wrong != std::errc{} || digits == block_id.size() || block_id[digits] != '.') return std::nullopt;
    asked.digest = block_id.substr(digits + 1);
    return asked;
}

bool slack_opens_full_view(std::string_view block_id) {
    return block_id.ends_with(full_suffix);
}

SlackMessage slack_thread_line(const core::ThreadLine& line, const SlackStyle& style) {
    b::Items words;
    if (line.about > 0) words.push_back(b::bold(fmt::format("#{}  ", line.about)));
    if (!line.who.name.empty() || line.who.account) {
        words.push_back(b::person(line.who, style));
        words.push_back(b::text(" "));
    }
    if (auto shown = b::shortened(line.text, 2'800).text; !shown.empty()) words.push_back(b::text(shown));
    if (!line.decision.empty()) words.push_back(b::bold("\n" + line.decision));
    for (std::size_t i = 0; i < line.asks.size() && i < core::asked_max; ++i) {
        words.push_back(b::text(i == 0 ? "\n" : " "));
        words.push_back(b::person(line.asks[i], style));
    }
    SlackMessage message;
    message.text = slack_escaped(core::thread_line_text(line));
    message.blocks = b::Items(b::rich_text("line", b::Items(b::rich_section(std::move(words))))).take();
    return message;
}

SlackMessage slack_words_alone(std::string words) {
    SlackMessage message;
    message.blocks =
        b::Items(b::rich_text("retired", b::Items(b::rich_section(b::Items(b::text(words)))))).take();
    message.text = std::move(words);
    return message;
}

SlackMessage slack_retired_card(const core::CardView& card) {
    return slack_words_alone(fmt::format(
        "This was a second message about request #{}. The other one in this channel counts.", card.number));
}

}  // namespace countersign::wire
