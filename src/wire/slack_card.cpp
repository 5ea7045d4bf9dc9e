#include "countersign/wire/slack_card.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <span>
#include <utility>

#include "countersign/base/text.hpp"
#include "countersign/core/card_sections.hpp"
#include "wire/slack_blocks.hpp"

namespace countersign::wire {

namespace b = blocks;
using core::CardLine;
using core::CardRun;
using core::CardSection;
using core::CardView;
using Part = CardSection::Part;

namespace {

constexpr std::string_view full_suffix = ".full";

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

// Draws one card, spending a budget of text: what must be there first, the long parts with what is left.
class CardWriter {
  public:
    CardWriter(const CardView& card, const SlackStyle& style)
        : card_(card), style_(style), id_(fmt::format(".{}.{}", card.id.text(), card.version)) {}

    SlackMessage write(bool buttons, bool details_only) {
        const auto sections = core::card_sections(card_);
        std::array<Block, parts> drawn;
        for (Part part : spending_order)
            for (const CardSection& section : sections)
                if (section.part == part) drawn[static_cast<std::size_t>(part)] = draw(section);
        b::Items all;
        for (const CardSection& section : sections)
            if (auto& block = drawn[static_cast<std::size_t>(section.part)]) all.push_back(*block);
        if (buttons || details_only) all.push_back(actions(details_only));
        SlackMessage message;
        message.text = core::notification_text(card_);
        message.blocks = std::move(all).take();
        message.metadata =
            json_object("event_payload", json_object("request_id", card_.id.text(), "version", card_.version),
                        "event_type", "countersign_request");
        message.whole = whole_;
        return message;
    }

  private:
    using Block = std::optional<b::Json>;
    static constexpr std::array spending_order{Part::headline, Part::what,      Part::who,    Part::state,
                                               Part::votes,    Part::footer,    Part::labels, Part::links,
                                               Part::intent,   Part::parameters};
    static constexpr std::size_t parts = spending_order.size();
    static constexpr std::size_t who_units_max = 1'000;
    static constexpr std::size_t state_units_max = 1'300;
    static constexpr std::size_t heading_units = 40;
    static constexpr std::size_t name_units = 90;  // of a person

    // New for every version: else what a reader's client remembers of a block may stick to the next one.
    std::string id(std::string_view part) const {
        std::string whole;
        whole.reserve(part.size() + id_.size());
        return whole.append(part).append(id_);
    }
    b::Short spend(std::string safe, std::size_t units_max) {
        auto shown = b::cut(std::move(safe), std::min(units_max, left_));
        charge(shown.text);
        return shown;
    }
    void charge(std::string_view words) { charge_units(b::units(words)); }
    void charge_units(std::size_t units) { left_ -= std::min(left_, units); }

    Block draw(const CardSection& section) {
        switch (section.part) {
            case Part::headline:
                return b::header(id("head"), b::plain_line(section.lines.front()));
            case Part::what:
                return facts(section);
            case Part::who:
                return mrkdwn(section, "who", who_units_max);
            case Part::state:
                return mrkdwn(section, "state", state_units_max);
            case Part::votes:
                return votes(section);
            case Part::intent:
                return intent(section);
            case Part::labels:
                return labels(section);
            case Part::links:
                return links(section);
            case Part::parameters:
                return parameters(section);
            case Part::footer:
                break;
        }
        const auto text = b::mrkdwn_line(section.lines.front(), style_);
        charge(text);
        return b::context(id("small"), text);
    }

    Block mrkdwn(const CardSection& section, std::string_view part, std::size_t units_max) {
        Lines lines{units_max};
        for (const CardLine& line : section.lines) lines.add(b::mrkdwn_line(line, style_));
        const auto text = lines.take();
        charge(text);
        return b::section(id(part), b::mrkdwn(text));
    }

    Block facts(const CardSection& section) {
        charge_units(2 * core::action_chars_max + 160);  // the headline and the first line
        b::Items line;
        auto cut = [&](std::string safe, std::size_t units_max) {
            if (units_max == 0) return b::Short{std::move(safe), true};
            auto shown = spend(std::move(safe), units_max);
            whole_ = whole_ && shown.whole;
            return shown;
        };
        for (const CardLine& one : section.lines) b::push_line(line, one, style_, cut);
        return b::rich_text(id("what"), b::Items(b::rich_section(std::move(line))));
    }

    Block votes(const CardSection& section) {
        b::Items line;
        auto cut = [&](std::string safe, std::size_t units_max) { return spend(std::move(safe), units_max); };
        for (const CardLine& one : section.lines) {
            for (const CardRun& run : one) {
                if (run.kind == CardRun::Kind::words) charge(run.text);
                charge_units(name_units * run.people.size());
            }
            b::push_line(line, one, style_, cut);
        }
        return b::rich_text(id("votes"), b::Items(b::rich_section(std::move(line))));
    }

    Block labels(const CardSection& section) {
        b::Items line(b::bold(section.heading + " "));
        for (std::size_t i = 0; i < section.lines.size(); ++i) {
            if (i == section.lines_max) {
                line.push_back(b::text(fmt::format(" and {} more", section.lines.size() - i)));
                break;
            }
            if (i > 0) line.push_back(b::text(" "));
            const CardRun& label = section.lines[i].front();
            line.push_back(b::code(spend(label.text, label.chars_max).text));
        }
        charge_units(heading_units);
        return b::rich_text(id("labels"), b::Items(b::rich_section(std::move(line))));
    }

    Block links(const CardSection& section) {
        b::Items line(b::bold(section.heading));
        for (std::size_t i = 0; i < section.lines.size(); ++i) {
            if (i == section.lines_max) {
                line.push_back(b::text(fmt::format("\nand {} more: see Details", section.lines.size() - i)));
                break;
            }
            const CardLine& link = section.lines[i];
            push_link(line, link.front(), link.back());
        }
        charge_units(heading_units);
        return b::rich_text(id("links"), b::Items(b::rich_section(std::move(line))));
    }
    void push_link(b::Items& line, const CardRun& title, const CardRun& address) {
        line.push_back(b::text("\n" + spend(title.text, title.chars_max).text + " "));
        if (address.text.size() <= address.chars_max && b::may_link(address.text, style_)) {
            charge(address.text);
            charge(address.text);
            line.push_back(b::link(address.text, address.text));
        } else {
            auto shown = spend(visible(address.text), address.chars_max).text;
            line.push_back(b::code(shown.empty() ? "(no address)" : shown));
        }
    }

    Block intent(const CardSection& section) {
        constexpr std::size_t kept_for_parameters = 2'500;
        constexpr std::size_t shown_min = 400;
        constexpr std::size_t shown_max = 3'500;
        std::size_t room = left_ > kept_for_parameters + shown_min ? left_ - kept_for_parameters : shown_min;
        auto shown = spend(section.lines.front().front().text, std::min(room, shown_max));
        whole_ = whole_ && shown.whole;
        b::Items words;
        b::push_text(words, shown.text);
        charge_units(heading_units);
        return b::rich_text(id("intent"), b::Items(b::rich_section(b::Items(b::bold(section.heading))),
                                                   b::rich_quote(std::move(words))));
    }

    Block parameters(const CardSection& section) {
        constexpr std::size_t kept_for_notes = 300;
        std::size_t room = left_ > kept_for_notes ? left_ - kept_for_notes : 0;
        std::vector<std::string> lines;
        std::size_t sum = 0;
        for (const CardLine& parameter : section.lines) {
            lines.push_back(parameter.front().text);
            sum += b::units(lines.back()) + 1;
        }
        std::size_t shown = lines.size();
        if (sum > room) shown = shorten(lines, room);
        b::Items elements(b::rich_section(b::Items(b::bold(section.heading))));
        push_preformatted(elements, std::span{lines}.first(shown));
        if (sum > room) {
            whole_ = false;
            elements.push_back(b::rich_section(
                b::Items(b::bold(fmt::format("The {} parameters do not all fit here in full ({} "
                                             "characters). Approve opens the full view first.",
                                             lines.size(), sum)))));
        }
        if (!section.note.empty()) elements.push_back(b::rich_section(b::Items(b::text(section.note))));
        return b::rich_text(id("parameters"), std::move(elements));
    }
    // As many lines as fit, the long ones with head and tail. Their number.
    static std::size_t shorten(std::vector<std::string>& lines, std::size_t room) {
        constexpr std::size_t line_units_max = 400;
        for (std::size_t i = 0; i < lines.size(); ++i) {
            lines[i] = b::cut(std::move(lines[i]), line_units_max).text;
            std::size_t cost = b::units(lines[i]) + 1;
            if (cost > room) return i;
            room -= cost;
        }
        return lines.size();
    }
    static void push_preformatted(b::Items& elements, std::span<std::string> lines) {
        std::string chunk;
        auto flush = [&] {
            if (!chunk.empty()) elements.push_back(b::rich_preformatted(chunk));
            chunk.clear();
        };
        for (const std::string& line : lines) {
            if (b::units(chunk) + b::units(line) + 1 > b::text_units_max) flush();
            std::string_view rest = line;
            while (b::units(rest) > b::text_units_max) {
                auto part = b::head(rest, b::text_units_max);
                elements.push_back(b::rich_preformatted(part));
                rest.remove_prefix(part.size());
            }
            if (!chunk.empty()) chunk += '\n';
            chunk += rest;
        }
        flush();
    }

    b::Json actions(bool details_only) const {
        std::string value = card_.id.text();
        b::Items buttons;
        if (!details_only) {
            buttons.push_back(b::button(slack_approve, "Approve", value, "primary"));
            buttons.push_back(b::button(slack_deny, "Deny", value, "danger"));
            buttons.push_back(b::button(slack_hold, "Hold", value));
        }
        buttons.push_back(b::button(slack_details, "Details", value));
        return b::actions(id("act") + (whole_ ? "" : std::string(full_suffix)), std::move(buttons));
    }

    const CardView& card_;
    const SlackStyle& style_;
    const std::string id_;  // what the id of each of its blocks ends in
    std::size_t left_ = slack_card_text_units_max - 200;
    bool whole_ = true;
};

}  // namespace

SlackMessage slack_card(const CardView& card, const SlackStyle& style) {
    return CardWriter{card, style}.write(card.buttons(), false);
}

SlackPrivate slack_private_card(const CardView& card, const SlackStyle& style) {
    auto message = CardWriter{card, style}.write(false, true);
    return {std::move(message.text), std::move(message.blocks)};
}

bool slack_card_is_whole(const CardView& card, const SlackStyle& style) {
    return slack_card(card, style).whole;
}

bool slack_opens_full_view(std::string_view block_id) {
    return block_id.ends_with(full_suffix);
}

SlackMessage slack_thread_line(const core::ThreadLine& line, const SlackStyle& style) {
    b::Items words;
    if (!line.who.name.empty() || line.who.account) {
        words.push_back(b::person(line.who, style));
        words.push_back(b::text(" "));
    }
    if (auto shown = b::shortened(line.text, 2'800).text; !shown.empty()) words.push_back(b::text(shown));
    for (std::size_t i = 0; i < line.asks.size() && i < core::asked_max; ++i) {
        words.push_back(b::text(i == 0 ? "\n" : " "));
        words.push_back(b::person(line.asks[i], style));
    }
    SlackMessage message;
    message.text = "News of this request";
    message.blocks = b::Items(b::rich_text("line", b::Items(b::rich_section(std::move(words))))).take();
    return message;
}

SlackMessage slack_retired_card(const core::CardView& card) {
    auto words = fmt::format(
        "This was a second message about request #{}. The other one in this channel counts.", card.number);
    SlackMessage message;
    message.text = words;
    message.blocks =
        b::Items(b::rich_text("retired", b::Items(b::rich_section(b::Items(b::text(words)))))).take();
    return message;
}

}  // namespace countersign::wire
