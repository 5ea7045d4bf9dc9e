#include "countersign/wire/slack_card.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "countersign/base/text.hpp"
#include "countersign/core/hidden.hpp"
#include "countersign/wire/json.hpp"
#include "wire/slack_blocks.hpp"

namespace countersign::wire {

namespace b = blocks;
using core::CardView;
using core::State;
using core::Verdict;

namespace {

constexpr std::string_view full_suffix = ".full";

std::string_view headline(const CardView& card) {
    switch (card.state) {
        case State::pending:
            return card.held ? "On hold" : "Approval needed";
        case State::approved:
            return "Approved";
        case State::denied:
            return "Denied";
        case State::refused:
            return "Refused by policy";
        case State::expired:
            return "Expired";
        case State::cancelled:
            return "Cancelled";
        case State::claimed:
            return "Approved and started";
        case State::succeeded:
            return "Approved and done";
        case State::failed:
            return "Approved, then failed";
        case State::lapsed:
            return "Approval lapsed unused";
    }
    return "Request";
}

std::string_view past(Verdict verdict) {
    switch (verdict) {
        case Verdict::approve:
            return "approved";
        case Verdict::deny:
            return "denied";
        case Verdict::hold:
            return "put it on hold";
        case Verdict::release:
            return "released it";
        case Verdict::withdraw:
            return "withdrew";
    }
    return "acted";
}

std::string in_code(std::string_view hostile, std::size_t units_max) {
    std::string shown = b::shortened(hostile, units_max).text;
    std::ranges::replace(shown, '`', '\'');
    return "`" + slack_escaped(shown) + "`";
}

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

std::string short_digest(std::string_view digest) {
    if (digest.starts_with("sha256:")) digest.remove_prefix(7);
    return std::string(digest.substr(0, 12));
}

// Builds one card, spending a budget of text: what must be there first, the long parts with what is left.
class CardWriter {
  public:
    CardWriter(const CardView& card, const SlackStyle& style)
        : card_(card), style_(style), id_(fmt::format(".{}.{}", card.id.text(), card.version)) {}

    SlackMessage write(bool buttons, bool details_only) {
        auto facts = what_is_asked();
        auto who = who_asks();
        auto state = how_it_stands();
        auto votes = who_voted();
        auto footer = small_print();
        auto labels = its_labels();
        auto links = its_links();
        auto intent = in_their_words();
        auto parameters = its_parameters();
        b::Items all;
        all.push_back(b::header(id("head"), fmt::format("{}: {}", headline(card_), visible(card_.action))));
        for (auto* block : {&facts, &who, &state, &votes, &intent, &labels, &links, &parameters, &footer})
            if (*block) all.push_back(**block);
        if (buttons || details_only) all.push_back(actions(details_only));
        SlackMessage message;
        message.text = fmt::format("{}: request #{} ({})", headline(card_), card_.number, card_.id.text());
        message.blocks = std::move(all).take();
        message.metadata =
            json_object("event_payload", json_object("request_id", card_.id.text(), "version", card_.version),
                        "event_type", "countersign_request");
        message.whole = whole_;
        return message;
    }

  private:
    using Block = std::optional<b::Json>;

    // New for every version: else what a reader's client remembers of a block may stick to the next one.
    std::string id(std::string_view part) const {
        std::string whole;
        whole.reserve(part.size() + id_.size());
        return whole.append(part).append(id_);
    }
    // `safe`: what is to be shown, as `visible` or `quoted_text` made it.
    b::Short spend(std::string safe, std::size_t units_max) {
        auto shown = b::cut(std::move(safe), std::min(units_max, left_));
        charge(shown.text);
        return shown;
    }
    void charge(std::string_view words) { left_ -= std::min(left_, b::units(words)); }

    Block what_is_asked() {
        b::Items line(b::bold("Action "), b::code(visible(card_.action)));
        left_ -= 2 * core::action_chars_max + 160;  // the header and this line
        auto fact = [&](std::string_view name, const std::string& value, std::size_t units_max) {
            auto shown = spend(quoted_text(value), units_max);
            whole_ = whole_ && shown.whole;
            line.push_back(b::bold(fmt::format("\n{} ", name)));
            line.push_back(b::code(shown.text));
        };
        if (card_.resource) fact("Resource", *card_.resource, 600);
        if (card_.environment) fact("Environment", *card_.environment, 220);
        return b::rich_text(id("what"), b::Items(b::rich_section(std::move(line))));
    }

    Block who_asks() {
        Lines lines{1'000};
        lines.add(fmt::format("*Asked by* {}{}", slack_mention(card_.requester, style_),
                              card_.requester_is_workload ? " (a program)" : ""));
        std::string people;
        for (std::size_t i = 0; i < card_.on_behalf_of.size() && i < 8; ++i)
            people += (i ? ", " : "") + slack_mention(card_.on_behalf_of[i], style_);
        if (card_.on_behalf_of.size() > 8)
            people += fmt::format(" and {} more", card_.on_behalf_of.size() - 8);
        if (!people.empty()) lines.add("*On behalf of* " + people);
        if (card_.no_human_named) lines.add("_This request names no human._");
        if (card_.state == State::pending) lines.add("*Expires* " + slack_date(card_.expires_at));
        std::string text = lines.take();
        charge(text);
        return b::section(id("who"), b::mrkdwn(text));
    }

    std::string lack(const core::CardLack& lack) const {
        std::string line = fmt::format("{} of {}", lack.count, in_code(lack.group, 60));
        if (lack.could_approve.empty()) return line + ": nobody known can give it";
        line += ": ";
        for (std::size_t i = 0; i < lack.could_approve.size(); ++i) {
            line += (i ? ", " : "") + slack_mention(lack.could_approve[i], style_);
            if (i + 1 < lack.could_approve.size() && b::units(line) > 500)
                return line + fmt::format(" and {} more", lack.could_approve.size() - i - 1);
        }
        return line;
    }

    void add_missing(Lines& lines) const {
        if (card_.missing.empty()) return;
        bool several = card_.missing.size() > 1;
        lines.add(several ? "*Still needed*, one of these:" : "*Still needed*");
        for (const auto& alternative : card_.missing) {
            std::string line = "• ";
            for (std::size_t i = 0; i < alternative.size(); ++i)
                line += (i == 0 ? "" : several ? ", and " : "\n• ") + lack(alternative[i]);
            lines.add(line);
        }
    }

    void add_hold(Lines& lines) const {
        std::string line = fmt::format("*On hold* by {} since {}: approvals are recorded but decide nothing",
                                       slack_mention(card_.held->who, style_), slack_date(card_.held->at));
        std::string groups;
        for (const std::string& group : card_.releasers)
            groups += (groups.empty() ? "" : " and ") + in_code(group, 60);
        if (!groups.empty()) line += "; they release it, or whoever is in " + groups;
        lines.add(line);
    }

    // Only where one denial is not enough.
    void add_objections(Lines& lines) const {
        if (card_.objections.empty()) return;
        std::string line = "*Denied* once";
        for (std::size_t i = 0; i < card_.objections.size(); ++i) {
            const auto& one = card_.objections[i];
            line += fmt::format("{} {} of {} deny it ({} so far)", i == 0 ? "" : ", or", one.count,
                                in_code(one.group, 60), one.given);
        }
        lines.add(line + (card_.one_denial_ends ? ", or anybody who could approve it" : ""));
    }

    // While pending: what is missing. After the end: who, when, why.
    Block how_it_stands() {
        Lines lines{1'300};
        if (card_.state == State::pending) {
            if (card_.held) add_hold(lines);
            add_missing(lines);
            add_objections(lines);
        } else {
            std::string line = fmt::format("*{}*", headline(card_));
            if (card_.decided_by) line += " by " + slack_mention(*card_.decided_by, style_);
            if (card_.decided_at) line += " " + slack_date(*card_.decided_at);
            lines.add(line);
        }
        std::string text = lines.take();
        if (text.empty()) return std::nullopt;
        charge(text);
        return b::section(id("state"), b::mrkdwn(text));
    }

    void push_reason(b::Items& line, std::string_view reason, std::size_t units_max) {
        if (trim(reason).empty()) return;
        line.push_back(b::text(": "));
        line.push_back(b::text(spend(visible(reason), units_max).text));
    }

    Block who_voted() {
        constexpr std::size_t votes_shown_max = 10;
        b::Items line;
        if (card_.state != State::pending && !trim(card_.reason).empty()) {
            line.push_back(b::bold("Reason"));
            push_reason(line, card_.reason, 400);
        }
        if (card_.outcome_detail && !trim(*card_.outcome_detail).empty()) {
            line.push_back(b::bold(line.empty() ? "Outcome" : "\nOutcome"));
            push_reason(line, *card_.outcome_detail, 300);
        }
        if (card_.held && card_.state == State::pending) {
            line.push_back(b::bold("Hold"));
            push_reason(line, card_.held->reason, 300);
        }
        std::size_t from = card_.votes.size() > votes_shown_max ? card_.votes.size() - votes_shown_max : 0;
        if (from > 0) {
            line.push_back(
                b::text(fmt::format("{}{} earlier votes: see Details", line.empty() ? "" : "\n", from)));
            left_ -= std::min<std::size_t>(left_, 40);
        }
        for (std::size_t i = from; i < card_.votes.size(); ++i) push_vote(line, card_.votes[i]);
        if (line.empty()) return std::nullopt;
        return b::rich_text(id("votes"), b::Items(b::rich_section(std::move(line))));
    }

    void push_vote(b::Items& line, const core::CardVote& vote) {
        if (!line.empty()) line.push_back(b::text("\n"));
        line.push_back(b::person(vote.who, style_));
        std::string words = fmt::format(
            " {}", vote.self_approval ? "approves own request, allowed by policy," : past(vote.verdict));
        if (vote.counted_for) words += fmt::format(" for {}", b::shortened(*vote.counted_for, 60).text);
        line.push_back(b::text(words));
        charge(words);
        left_ -= std::min<std::size_t>(left_, 90);  // the name
        push_reason(line, vote.reason, 120);
    }

    Block small_print() {
        std::string rules;
        for (const std::string& rule : card_.rules) {
            if (rules.size() > 240) {
                rules += " …";
                break;
            }
            rules += (rules.empty() ? " · rule " : ", ") + in_code(rule, 60);
        }
        auto text = fmt::format("#{} · `{}` · digest `{}`{}", card_.number, card_.id.text(),
                                slack_escaped(visible(short_digest(card_.digest))), rules);
        charge(text);
        return b::context(id("small"), text);
    }

    Block its_labels() {
        if (card_.labels.empty()) return std::nullopt;
        constexpr std::size_t labels_shown_max = 6;
        b::Items line(b::bold("Labels "));
        for (std::size_t i = 0; i < card_.labels.size(); ++i) {
            if (i == labels_shown_max) {
                line.push_back(b::text(fmt::format(" and {} more", card_.labels.size() - i)));
                break;
            }
            if (i > 0) line.push_back(b::text(" "));
            const auto& [name, value] = card_.labels[i];
            line.push_back(b::code(spend(b::label_text(name, value), 110).text));
        }
        left_ -= std::min<std::size_t>(left_, 40);
        return b::rich_text(id("labels"), b::Items(b::rich_section(std::move(line))));
    }

    Block its_links() {
        if (card_.links.empty()) return std::nullopt;
        constexpr std::size_t links_shown_max = 3;
        b::Items line(b::bold("Links"));
        for (std::size_t i = 0; i < card_.links.size(); ++i) {
            if (i == links_shown_max) {
                line.push_back(b::text(fmt::format("\nand {} more: see Details", card_.links.size() - i)));
                break;
            }
            push_link(line, card_.links[i], spend(quoted_text(card_.links[i].title), 80).text, 220);
        }
        left_ -= std::min<std::size_t>(left_, 40);
        return b::rich_text(id("links"), b::Items(b::rich_section(std::move(line))));
    }
    void push_link(b::Items& line, const core::Link& link, const std::string& title, std::size_t units_max) {
        line.push_back(b::text("\n" + title + " "));
        if (link.url.size() <= units_max && b::may_link(link.url, style_)) {
            charge(link.url);
            charge(link.url);
            line.push_back(b::link(link.url, link.url));
        } else {
            auto shown = spend(visible(link.url), units_max).text;
            line.push_back(b::code(shown.empty() ? "(no address)" : shown));
        }
    }

    Block in_their_words() {
        if (trim(card_.intent).empty()) return std::nullopt;
        constexpr std::size_t kept_for_parameters = 2'500;
        std::size_t room = left_ > kept_for_parameters + 400 ? left_ - kept_for_parameters : 400;
        auto shown = spend(visible(card_.intent), std::min<std::size_t>(room, 3'500));
        whole_ = whole_ && shown.whole;
        b::Items words;
        b::push_text(words, shown.text);
        left_ -= std::min<std::size_t>(left_, 40);
        b::Items heading(b::bold("Intent, in the requester's words"));
        return b::rich_text(id("intent"),
                            b::Items(b::rich_section(std::move(heading)), b::rich_quote(std::move(words))));
    }

    Block its_parameters() {
        if (card_.parameters.empty()) return std::nullopt;
        constexpr std::size_t kept_for_notes = 300;
        std::size_t room = left_ > kept_for_notes ? left_ - kept_for_notes : 0;
        std::vector<std::string> lines;
        std::size_t sum = 0;
        for (const auto& parameter : card_.parameters) {
            lines.push_back(b::parameter_line(parameter));
            sum += b::units(lines.back()) + 1;
        }
        std::size_t shown = lines.size();
        if (sum > room) shown = shorten(lines, room);
        b::Items elements(b::rich_section(b::Items(b::bold("Parameters"))));
        push_preformatted(elements, std::span{lines}.first(shown));
        if (sum > room) {
            whole_ = false;
            elements.push_back(b::rich_section(
                b::Items(b::bold(fmt::format("The {} parameters do not all fit here in full ({} "
                                             "characters). Approve opens the full view first.",
                                             lines.size(), sum)))));
        }
        if (card_.hidden > 0) elements.push_back(b::rich_section(b::Items(b::text(hidden_note()))));
        return b::rich_text(id("parameters"), std::move(elements));
    }
    std::string hidden_note() const {
        return fmt::format(
            "{} ({}). The rules were applied to what is really there.",
            card_.hidden == 1 ? "1 value is hidden" : fmt::format("{} values are hidden", card_.hidden),
            core::hidden_text);
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

}  // namespace countersign::wire
