#include "countersign/core/card_sections.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <optional>
#include <utility>

#include "core/card_end.hpp"
#include "core/card_mixed.hpp"
#include "core/card_runs.hpp"
#include "core/card_takes.hpp"
#include "core/card_what.hpp"
#include "core/shown.hpp"
#include "countersign/base/text.hpp"

namespace countersign::core {
namespace {

using Part = CardSection::Part;

// How a card's rows are shared out: of a phone's screen and a half, what is asked for gets the most.
constexpr std::size_t intent_columns_max = 130;
constexpr std::size_t card_rows_max = 32;
constexpr std::size_t what_rows_max = 18;
constexpr std::size_t what_rows_wanted = 12;
constexpr std::size_t what_rows_min = 5;
constexpr std::size_t headline_columns_max = 48;  // two lines
constexpr std::size_t said_intent_columns_max = 150;
constexpr std::size_t reason_columns_max = 50;
constexpr std::size_t votes_rows_max = 5;
constexpr std::size_t takes_rows_max = 14;
constexpr std::size_t takes_rows_min = 11;  // where the rest of the card is long
constexpr std::size_t full_reason_columns_max = 2'000;
constexpr std::size_t link_title_columns_max = 32;
constexpr std::size_t one_name_columns = 20;  // of longer ones a card names one alone
constexpr std::size_t full_link_title_columns_max = 200;
constexpr std::size_t address_bytes_max = 40;
constexpr std::size_t votes_shown_max = 2;
constexpr std::size_t full_votes_shown_max = 20;
constexpr std::size_t links_shown_max = 1;

// A label as "name=value", in which no name can pass for a part of a value.
std::string label_text(std::string_view name, std::string_view value) {
    return quoted_text(name, "=") + "=" + quoted_text(value);
}
CardRun title_of(const Link& link, std::size_t columns_max) {
    auto shown = prose_excerpt(link.title, columns_max);
    return {.kind = CardRun::Kind::prose, .text = shown.whole ? quoted_text(link.title) : shown.text};
}

std::string short_digest(std::string_view digest) {
    constexpr std::string_view algorithm = "sha256:";
    constexpr std::size_t digits_shown = 12;
    if (digest.starts_with(algorithm)) digest.remove_prefix(algorithm.size());
    return std::string(digest.substr(0, digits_shown));
}

void add_reason(CardLine& line, const std::string& reason, std::size_t columns_max) {
    if (blank(reason)) return;
    line.push_back(words(": "));
    line.push_back(prose(prose_excerpt(reason, columns_max).text));
}

// ---- the sections of a card

CardSection headline(const CardView& card) {
    std::string_view before = "";
    switch (card.state) {
        case State::pending:
            before = card.held ? "On hold: " : "";
            break;
        case State::approved:
        case State::claimed:
        case State::succeeded:
            before = "✓ ";
            break;
        case State::denied:
        case State::refused:
            before = "✗ ";
            break;
        default:
            break;
    }
    std::string state = card.state == State::pending ? std::string{} : fmt::format("{}: ", state_text(card));
    return {Part::headline, {}, {{words(std::string{before} + state), literal(headline_text(card))}}};
}

CardSection who_asks(const CardView& card) {
    CardSection section{Part::who};
    CardLine asker;
    if (card.requester_is_program) {
        asker = {named(card.requester.name), words(" (a program)")};
        if (!card.acts_for.empty()) {
            asker.push_back(words(" for "));
            push_people(asker, card.acts_for);
        }
    } else {
        asker.push_back(person(card.requester));
    }
    if (!card.run.empty()) {
        asker.push_back(words(" · run "));
        asker.push_back(named(card.run));
    }
    section.lines.push_back(std::move(asker));
    if (const auto& people = card.on_behalf_of; !people.empty()) {
        CardLine line{words("says it acts for ")};
        push_people(line, people, 0, columns_of(people.front().name) > one_name_columns ? 1 : 2);
        section.lines.push_back(std::move(line));
    }
    if (card.no_human_named) section.lines.push_back({quiet("This request names no human.")});
    // An address that is shown in part can be neither read nor followed.
    if (!card.links.empty() && card.links.front().url.size() > address_bytes_max) {
        section.lines.push_back({words(count_of(card.links.size(), "link") + " in Details")});
        return section;
    }
    for (std::size_t i = 0; i < card.links.size(); ++i) {
        if (i == links_shown_max) {
            section.lines.back().push_back(
                words(fmt::format(" and {} in Details", count_of(card.links.size() - i, "more link"))));
            break;
        }
        const Link& link = card.links[i];
        CardLine line{title_of(link, link_title_columns_max), words(" ")};
        line.push_back({.kind = CardRun::Kind::address, .text = link.url});
        section.lines.push_back(std::move(line));
    }
    return section;
}

std::string past(const CardVote& vote) {
    if (vote.self_approval) return "approves own request, allowed by policy,";
    return std::string(words_of(vote.verdict).past);
}

// While pending, of those votes that the names of the filled places do not tell all of.
CardSection who_voted(const CardView& card) {
    CardSection section{Part::votes};
    if (card.held) {
        CardLine line{strong("Hold")};
        add_reason(line, card.held->reason, reason_columns_max);
        if (line.size() > 1) section.lines.push_back(std::move(line));
    }
    std::deque<CardLine> telling;
    std::size_t rows = rows_of(section) + 1;
    for (const CardVote& vote : card.votes) {
        if (blank(vote.reason) && vote.counted_for && !vote.self_approval && !vote.in_place_of) continue;
        std::string said = " " + past(vote);
        if (vote.counted_for) said += " for " + short_name(*vote.counted_for);
        if (vote.in_place_of) said += ", in place of " + short_name(*vote.in_place_of);
        telling.push_back({person(vote.who), words(std::move(said))});
        add_reason(telling.back(), vote.reason, reason_columns_max);
        rows += rows_of(telling.back());
    }
    std::size_t earlier = 0;
    for (; telling.size() > 1 && (telling.size() > votes_shown_max || rows > votes_rows_max); ++earlier) {
        rows -= rows_of(telling.front());
        telling.pop_front();
    }
    if (earlier > 0)
        section.lines.push_back({words(fmt::format("{} in Details", count_of(earlier, "earlier vote")))});
    std::ranges::move(telling, std::back_inserter(section.lines));
    return section;
}

CardSection small_print(const CardView& card) {
    CardLine line{words(fmt::format("#{} · ", card.number)), literal(visible(short_digest(card.digest)))};
    if (!card.receipt.empty()) {
        line.push_back(words(" · "));
        line.push_back({.kind = CardRun::Kind::link, .text = "Receipt", .url = card.receipt});
    }
    return {Part::footer, {}, {std::move(line)}};
}

// ---- the sections of the full view

CardSection all_facts(const CardView& card) {
    CardSection section{Part::what};
    auto fact = [&](std::string name, std::string_view hostile) {
        section.lines.push_back({strong(std::move(name)), literal(quoted_text(hostile))});
    };
    fact("Request ", fmt::format("#{} {}", card.number, card.id.text()));
    fact("Action ", card.action);
    if (card.resource) fact("Resource ", *card.resource);
    if (card.environment) fact("Environment ", *card.environment);
    if (card.requester_is_program) {
        section.lines.push_back({strong("Asked by "), named(card.requester.name), words(" (a program)")});
        for (const Who& who : card.acts_for) section.lines.push_back({strong("For "), person(who)});
    } else {
        section.lines.push_back({strong("Asked by "), person(card.requester)});
    }
    if (!card.run.empty()) fact("Run ", card.run);
    for (const Who& who : card.on_behalf_of)
        section.lines.push_back({strong("Says it acts for "), person(who)});
    if (card.no_human_named) section.lines.push_back({strong("This request names no human.")});
    fact("Digest ", card.digest);
    fact("Rules ", join(card.rules, ", "));
    return section;
}

CardSection their_words(const CardView& card, std::string shown) {
    CardSection section{Part::intent, "In the requester's words"};
    if (!blank(card.intent)) section.lines.push_back({prose(std::move(shown))});
    return section;
}

CardSection all_votes(const CardView& card) {
    CardSection section{Part::votes};
    section.lines.push_back({strong("State "), literal(std::string{name_of(card.state)})});
    const std::size_t from =
        card.votes.size() > full_votes_shown_max ? card.votes.size() - full_votes_shown_max : 0;
    if (from > 0) section.lines.push_back({words(count_of(from, "earlier vote"))});
    for (std::size_t i = from; i < card.votes.size(); ++i) {
        const CardVote& vote = card.votes[i];
        std::string said = fmt::format(" {}{}", name_of(vote.verdict),
                                       vote.self_approval ? " (own request, allowed by policy)"
                                       : vote.signed_in   ? " (signed in for it)"
                                                          : "");
        if (vote.in_place_of) said += " in place of " + short_name(*vote.in_place_of);
        CardLine line{person(vote.who), words(std::move(said))};
        add_reason(line, vote.reason, full_reason_columns_max);
        section.lines.push_back(std::move(line));
    }
    return section;
}

CardSection all_links(const CardView& card) {
    CardSection section{Part::links};
    for (const Link& link : card.links)
        section.lines.push_back({strong("Link "),
                                 title_of(link, full_link_title_columns_max),
                                 words(" "),
                                 {.kind = CardRun::Kind::address, .text = link.url}});
    return section;
}

CardSection all_labels(const CardView& card) {
    CardSection section{Part::labels};
    for (const auto& [name, value] : card.labels)
        section.lines.push_back({strong("Label "), literal(label_text(name, value))});
    return section;
}

bool says_nothing(const CardSection& section) {
    return section.lines.empty() && section.raw.empty() && section.note.empty();
}

// ---- sentences

std::string names_of(const std::vector<Who>& people) {
    std::vector<std::string> names;
    constexpr std::size_t named_max = 3;
    for (std::size_t i = 0; i < people.size() && i < named_max; ++i)
        names.push_back(short_name(people[i].name));
    return join(names, " and ") + (people.size() > named_max ? " and others" : "");
}

std::string names_of(const CardView& card, Verdict verdict) {
    std::vector<Who> people;
    for (const CardVote& vote : card.votes)
        if (vote.verdict == verdict && (verdict != Verdict::approve || vote.counted_for))
            people.push_back(vote.who);
    return names_of(people);
}

std::string action_in_environment(const CardView& card) {
    std::string text = visible(card.action);
    if (card.environment) text += " in " + visible(*card.environment);
    return text;
}

std::string reason_after(std::string_view reason) {
    return blank(reason) ? std::string{} : ": " + prose_excerpt(reason, said_intent_columns_max).text;
}

}  // namespace

std::string_view state_text(const CardView& card) {
    switch (card.state) {
        case State::pending:
            return card.held ? "On hold" : "Approval needed";
        case State::approved:
            return card.session ? "Session open" : "Approved";
        case State::denied:
            return "Denied";
        case State::refused:
            return "Refused by policy";
        case State::expired:
            return "Expired";
        case State::cancelled:
            if (card.narrowed_into) return "Lowered";
            return card.revoked ? "Revoked" : "Cancelled";
        case State::claimed:
            return "Approved and started";
        case State::succeeded:
            return "Approved and done";
        case State::failed:
            return "Approved, then failed";
        case State::lapsed:
            return card.session ? "Session over" : "Approval lapsed unused";
    }
    return "Request";
}

std::string headline_text(const CardView& card) {
    const std::string environment = card.environment ? visible(*card.environment) : "(no environment)";
    std::string text = fmt::format("{} → {}", visible(card.action), environment);
    if (columns_of(text) <= headline_columns_max) return text;
    return std::string{clip_utf8(text, headline_columns_max)} + "…";
}

std::string notification_text(const CardView& card) {
    if (card.state == State::pending && !card.held) {
        std::string asker = short_name(card.requester.name);
        if (card.requester_is_program && !card.acts_for.empty()) asker += " for " + names_of(card.acts_for);
        return fmt::format("Approve? {}, asked by {}{} (#{})", action_in_environment(card), asker,
                           reason_after(card.intent), card.number);
    }
    std::string who;
    std::string_view why = card.reason;
    if (card.held && card.state == State::pending) {
        who = short_name(card.held->who.name);
        why = card.held->reason;
    } else if (card.state == State::denied) {
        who = names_of(card, Verdict::deny);
    } else if (card.state == State::cancelled) {
        who = card.decided_by ? short_name(card.decided_by->name) : std::string{};
    } else if (card.state != State::refused && card.state != State::expired) {
        who = names_of(card, Verdict::approve);
    }
    if (card.outcome_detail) why = *card.outcome_detail;
    return fmt::format("{}{}{}: {}{} (#{})", state_text(card), who.empty() ? "" : " by ", who,
                       action_in_environment(card), reason_after(why), card.number);
}

std::string thread_line_text(const ThreadLine& line) {
    constexpr std::size_t columns_max = 300;
    std::string text;
    if (line.about > 0) text = fmt::format("#{}: ", line.about);
    if (!line.who.name.empty()) text += short_name(line.who.name) + " ";
    text += prose_excerpt(line.text, columns_max).text;
    return line.decision.empty() ? text : fmt::format("{} · {}", text, line.decision);
}

std::string parameter_name(const std::string& path) {
    auto plain = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
               c == '-' || c == '.' || c == '[' || c == ']';
    };
    const bool as_it_is = std::ranges::all_of(path, plain);
    return printable(as_it_is ? path : canonical(Value{path}));
}

std::vector<CardButton> card_buttons(const CardView& card) {
    if (card.state != State::pending) {
        std::vector<CardButton> after;
        if (card.state == State::approved && card.session) after.push_back(CardButton::revoke);
        if (card.review && card.review->open()) after.push_back(CardButton::review);
        if (!after.empty()) after.push_back(CardButton::details);
        return after;
    }
    std::vector<CardButton> buttons{CardButton::approve, CardButton::deny};
    if (!card.lowerable.empty() && !card.held) buttons.push_back(CardButton::lower);
    buttons.push_back(card.held ? CardButton::release : CardButton::hold);
    buttons.push_back(CardButton::details);
    return buttons;
}

CardText card_text(const CardView& card) {
    CardText text;
    auto add = [&](CardSection section) {
        if (!says_nothing(section)) text.sections.push_back(std::move(section));
    };
    auto intent = prose_excerpt(card.intent, intent_columns_max);
    add(headline(card));
    add(their_words(card, std::move(intent.text)));
    add(who_asks(card));
    if (card.state == State::pending) {
        auto votes = who_voted(card);
        std::size_t rows = rows_of(votes);
        for (const CardSection& section : text.sections) rows += rows_of(section);
        auto takes = what_it_takes(card, takes_rows_max);
        if (rows + rows_of(takes) + what_rows_wanted > card_rows_max)
            takes = what_it_takes(card, takes_rows_min);
        rows += rows_of(takes);
        const std::size_t left = card_rows_max - std::min(card_rows_max, rows);
        auto what = what_is_asked(card, std::clamp(left, what_rows_min, what_rows_max));
        text.whole = intent.whole && what.whole;
        for (CardSection& section : what.sections) add(std::move(section));
        add(std::move(votes));
        add(std::move(takes));
    } else {
        add(how_it_ended(card));
    }
    add(small_print(card));
    return text;
}

std::vector<CardSection> uncut_card(const CardView& card) {
    std::vector<CardSection> sections{headline(card), their_words(card, visible(card.intent)),
                                      who_asks(card)};
    if (card.resource)
        sections.push_back({Part::what, {}, {{strong("Resource "), literal(quoted_text(*card.resource))}}});
    std::ranges::move(all_that_is_asked(card), std::back_inserter(sections));
    sections.push_back(all_labels(card));
    sections.push_back(all_mixed_words(card));
    if (card.state == State::pending) {
        sections.push_back(who_voted(card));
        sections.push_back(what_it_takes(card, SIZE_MAX));
    } else {
        sections.push_back(how_it_ended(card));
    }
    std::erase_if(sections, says_nothing);
    return sections;
}

std::vector<CardSection> full_view_sections(const CardView& card) {
    std::vector<CardSection> sections;
    sections.push_back(all_facts(card));
    sections.push_back(their_words(card, visible(card.intent)));
    std::ranges::move(all_that_is_asked(card), std::back_inserter(sections));
    sections.push_back(all_links(card));
    sections.push_back(all_labels(card));
    sections.push_back(all_mixed_words(card));
    if (card.state == State::pending) sections.push_back(what_it_takes(card, SIZE_MAX));
    sections.push_back(all_votes(card));
    std::erase_if(sections, says_nothing);
    return sections;
}

}  // namespace countersign::core
