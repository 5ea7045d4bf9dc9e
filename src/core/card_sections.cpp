#include "countersign/core/card_sections.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "countersign/base/text.hpp"
#include "countersign/core/hidden.hpp"

namespace countersign::core {
namespace {

using Kind = CardRun::Kind;
using Part = CardSection::Part;

// How much of each text a card shows.
constexpr std::size_t resource_shown_max = 600;
constexpr std::size_t environment_shown_max = 220;
constexpr std::size_t name_chars_max = 60;
constexpr std::size_t reason_chars_shown_max = 400;
constexpr std::size_t detail_chars_max = 300;
constexpr std::size_t vote_reason_chars_max = 120;
constexpr std::size_t full_reason_chars_max = 2'000;
constexpr std::size_t label_shown_max = 110;
constexpr std::size_t link_title_chars_max = 80;
constexpr std::size_t full_link_title_chars_max = 200;
constexpr std::size_t address_chars_max = 220;
constexpr std::size_t people_named_max = 8;
constexpr std::size_t votes_shown_max = 10;
constexpr std::size_t full_votes_shown_max = 20;
constexpr std::size_t labels_shown_max = 6;
constexpr std::size_t links_shown_max = 3;
constexpr std::size_t rules_chars_max = 240;  // of all their names together

CardRun words(std::string text) {
    return {.kind = Kind::words, .text = std::move(text)};
}
CardRun strong(std::string text) {
    return {.kind = Kind::strong, .text = std::move(text)};
}
// `safe` was made visible, and quoted where it could pass for something else.
CardRun literal(std::string safe, std::size_t chars_max = 0) {
    return {.kind = Kind::literal, .text = std::move(safe), .chars_max = chars_max};
}
CardRun prose(std::string_view hostile, std::size_t chars_max = 0) {
    return {.kind = Kind::prose, .text = visible(hostile), .chars_max = chars_max};
}
CardRun person(Who who) {
    return {.kind = Kind::people, .people = {std::move(who)}};
}
CardRun moment(Instant at) {
    return {.kind = Kind::moment, .at = at};
}

// A label as "name=value", in which no name can pass for a part of a value.
std::string label_text(std::string_view name, std::string_view value) {
    return quoted_text(name, "=") + "=" + quoted_text(value);
}
CardRun title_of(const Link& link, std::size_t chars_max) {
    return {.kind = Kind::prose, .text = quoted_text(link.title), .chars_max = chars_max};
}

bool blank(std::string_view text) {
    return trim(text).empty();
}

std::string past(const CardVote& vote) {
    if (vote.self_approval) return "approves own request, allowed by policy,";
    switch (vote.verdict) {
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

// A group's name amid words of ours.
std::string short_name(std::string_view hostile) {
    std::string name = visible(hostile);
    if (code_points(name) <= name_chars_max) return name;
    return std::string(clip_utf8(name, name_chars_max)) + "…";
}

std::string short_digest(std::string_view digest) {
    constexpr std::string_view algorithm = "sha256:";
    constexpr std::size_t digits_shown = 12;
    if (digest.starts_with(algorithm)) digest.remove_prefix(algorithm.size());
    return std::string(digest.substr(0, digits_shown));
}

void add_reason(CardLine& line, const std::string& reason, std::size_t chars_max) {
    if (blank(reason)) return;
    line.push_back(words(": "));
    line.push_back(prose(reason, chars_max));
}

// ---- the sections of a card

CardSection what_is_asked(const CardView& card) {
    CardSection section{Part::what};
    auto fact = [&](std::string name, std::string safe, std::size_t chars_max) {
        section.lines.push_back({strong(std::move(name)), literal(std::move(safe), chars_max)});
    };
    fact("Action ", visible(card.action), 0);
    if (card.resource) fact("Resource ", quoted_text(*card.resource), resource_shown_max);
    if (card.environment) fact("Environment ", quoted_text(*card.environment), environment_shown_max);
    return section;
}

CardSection who_asks(const CardView& card) {
    CardSection section{Part::who};
    CardLine asker{strong("Asked by"), words(" "), person(card.requester)};
    if (card.requester_is_workload) asker.push_back(words(" (a program)"));
    section.lines.push_back(std::move(asker));
    if (const auto& people = card.on_behalf_of; !people.empty()) {
        const std::size_t named = std::min(people.size(), people_named_max);
        CardRun shown{.kind = Kind::people};
        shown.people.assign(people.begin(), people.begin() + static_cast<std::ptrdiff_t>(named));
        CardLine line{strong("On behalf of"), words(" "), std::move(shown)};
        if (people.size() > named) line.push_back(words(fmt::format(" and {} more", people.size() - named)));
        section.lines.push_back(std::move(line));
    }
    if (card.no_human_named)
        section.lines.push_back({{.kind = Kind::quiet, .text = "This request names no human."}});
    if (card.state == State::pending)
        section.lines.push_back({strong("Expires"), words(" "), moment(card.expires_at)});
    return section;
}

void push_lack(CardLine& line, const CardLack& lack) {
    line.push_back(words(fmt::format("{} of ", lack.count)));
    line.push_back(literal(visible(lack.group), name_chars_max));
    if (lack.could_approve.empty()) {
        line.push_back(words(": nobody known can give it"));
    } else {
        line.push_back(words(": "));
        line.push_back({.kind = Kind::people, .people = lack.could_approve});
    }
}

void add_missing(std::vector<CardLine>& lines, const CardView& card) {
    if (card.missing.empty()) return;
    const bool several = card.missing.size() > 1;
    CardLine heading{strong("Still needed")};
    if (several) heading.push_back(words(", one of these:"));
    lines.push_back(std::move(heading));
    for (const auto& alternative : card.missing) {
        CardLine line{words("• ")};
        for (std::size_t i = 0; i < alternative.size(); ++i) {
            if (i > 0 && several) line.push_back(words(", and "));
            if (i > 0 && !several) lines.push_back(std::exchange(line, {words("• ")}));
            push_lack(line, alternative[i]);
        }
        lines.push_back(std::move(line));
    }
}

CardLine on_hold(const CardView& card) {
    CardLine line{strong("On hold"),      words(" by "),
                  person(card.held->who), words(" since "),
                  moment(card.held->at),  words(": approvals are recorded but decide nothing")};
    for (std::size_t i = 0; i < card.releasers.size(); ++i) {
        line.push_back(words(i == 0 ? "; they release it, or whoever is in " : " and "));
        line.push_back(literal(visible(card.releasers[i]), name_chars_max));
    }
    return line;
}

// They are said only where one denial is not enough.
void add_objections(std::vector<CardLine>& lines, const CardView& card) {
    if (card.objections.empty()) return;
    CardLine line{strong("Denied"), words(" once")};
    for (std::size_t i = 0; i < card.objections.size(); ++i) {
        const auto& one = card.objections[i];
        line.push_back(words(fmt::format("{} {} of ", i == 0 ? "" : ", or", one.count)));
        line.push_back(literal(visible(one.group), name_chars_max));
        line.push_back(words(fmt::format(" deny it ({} so far)", one.given)));
    }
    if (card.one_denial_ends) line.push_back(words(", or anybody who could approve it"));
    lines.push_back(std::move(line));
}

CardSection how_it_stands(const CardView& card) {
    CardSection section{Part::state};
    if (card.state == State::pending) {
        if (card.held) section.lines.push_back(on_hold(card));
        add_missing(section.lines, card);
        add_objections(section.lines, card);
        return section;
    }
    CardLine line{strong(std::string(state_text(card)))};
    if (card.decided_by) {
        line.push_back(words(" by "));
        line.push_back(person(*card.decided_by));
    }
    if (card.decided_at) {
        line.push_back(words(" "));
        line.push_back(moment(*card.decided_at));
    }
    section.lines.push_back(std::move(line));
    return section;
}

CardSection who_voted(const CardView& card) {
    CardSection section{Part::votes};
    auto note = [&](std::string name, const std::string& reason, std::size_t chars_max) {
        CardLine line{strong(std::move(name))};
        add_reason(line, reason, chars_max);
        section.lines.push_back(std::move(line));
    };
    if (card.state != State::pending && !blank(card.reason))
        note("Reason", card.reason, reason_chars_shown_max);
    if (card.outcome_detail && !blank(*card.outcome_detail))
        note("Outcome", *card.outcome_detail, detail_chars_max);
    if (card.held && card.state == State::pending) note("Hold", card.held->reason, detail_chars_max);
    const std::size_t from = card.votes.size() > votes_shown_max ? card.votes.size() - votes_shown_max : 0;
    if (from > 0) section.lines.push_back({words(fmt::format("{} earlier votes: see Details", from))});
    for (std::size_t i = from; i < card.votes.size(); ++i) {
        const CardVote& vote = card.votes[i];
        std::string said = " " + past(vote);
        if (vote.counted_for) said += " for " + short_name(*vote.counted_for);
        CardLine line{person(vote.who), words(std::move(said))};
        add_reason(line, vote.reason, vote_reason_chars_max);
        section.lines.push_back(std::move(line));
    }
    return section;
}

CardSection their_words(const CardView& card) {
    CardSection section{Part::intent, "Intent, in the requester's words"};
    if (!blank(card.intent)) section.lines.push_back({prose(card.intent)});
    return section;
}

CardSection its_labels(const CardView& card) {
    CardSection section{Part::labels, "Labels"};
    section.lines_max = labels_shown_max;
    for (const auto& [name, value] : card.labels)
        section.lines.push_back({literal(label_text(name, value), label_shown_max)});
    return section;
}

CardSection its_links(const CardView& card) {
    CardSection section{Part::links, "Links"};
    section.lines_max = links_shown_max;
    for (const Link& link : card.links)
        section.lines.push_back({title_of(link, link_title_chars_max),
                                 {.kind = Kind::address, .text = link.url, .chars_max = address_chars_max}});
    return section;
}

CardSection its_parameters(const CardView& card) {
    CardSection section{Part::parameters, "Parameters"};
    for (const CardParameter& parameter : card.parameters)
        section.lines.push_back({literal(parameter_text(parameter))});
    if (card.hidden > 0)
        section.note = fmt::format(
            "{} ({}). The rules were applied to what is really there.",
            card.hidden == 1 ? "1 value is hidden" : fmt::format("{} values are hidden", card.hidden),
            hidden_text);
    return section;
}

CardSection small_print(const CardView& card) {
    CardLine line{words(fmt::format("#{} · ", card.number)), literal(card.id.text()), words(" · digest "),
                  literal(visible(short_digest(card.digest)))};
    std::size_t chars = 0;
    for (const std::string& rule : card.rules) {
        if (chars > rules_chars_max) {
            line.push_back(words(" …"));
            break;
        }
        line.push_back(words(chars == 0 ? " · rule " : ", "));
        line.push_back(literal(visible(rule), name_chars_max));
        chars += std::min(rule.size(), name_chars_max) + 2;
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
    fact("State ", name_of(card.state));
    fact("Action ", card.action);
    if (card.resource) fact("Resource ", *card.resource);
    if (card.environment) fact("Environment ", *card.environment);
    section.lines.push_back({strong("Asked by "), person(card.requester)});
    for (const Who& who : card.on_behalf_of) section.lines.push_back({strong("On behalf of "), person(who)});
    if (card.no_human_named) section.lines.push_back({strong("This request names no human.")});
    fact("Digest ", card.digest);
    fact("Rules ", join(card.rules, ", "));
    return section;
}

CardSection all_votes(const CardView& card) {
    CardSection section{Part::votes};
    section.lines_max = full_votes_shown_max;
    for (const CardVote& vote : card.votes) {
        std::string said = fmt::format(" {}{}", name_of(vote.verdict),
                                       vote.self_approval ? " (own request, allowed by policy)" : "");
        CardLine line{person(vote.who), words(std::move(said))};
        add_reason(line, vote.reason, full_reason_chars_max);
        section.lines.push_back(std::move(line));
    }
    return section;
}

CardSection all_links(const CardView& card) {
    CardSection section{Part::links};
    for (const Link& link : card.links)
        section.lines.push_back({strong("Link "),
                                 title_of(link, full_link_title_chars_max),
                                 {.kind = Kind::address, .text = link.url}});
    return section;
}

CardSection all_labels(const CardView& card) {
    CardSection section{Part::labels};
    for (const auto& [name, value] : card.labels)
        section.lines.push_back({strong("Label "), literal(label_text(name, value))});
    return section;
}

std::vector<CardSection> with_something_to_say(std::vector<CardSection> sections) {
    std::erase_if(sections, [](const CardSection& one) { return one.lines.empty(); });
    return sections;
}

// "2 of security, 1 of dba"; alternatives joined by "or".
std::string still_needed(const Ruling& ruling) {
    std::string all;
    for (const Slots& slots : ruling.missing) {
        std::string one;
        for (const CountOf& slot : slots.groups)
            one += fmt::format("{}{} of {}", one.empty() ? "" : ", ", slot.count, slot.of.text());
        all += (all.empty() ? "" : ", or ") + one;
    }
    return all;
}

std::string_view done_word(Verdict verdict) {
    switch (verdict) {
        case Verdict::approve:
            return "approval of";
        case Verdict::deny:
            return "denial of";
        case Verdict::hold:
            return "hold on";
        case Verdict::release:
            return "release of";
        case Verdict::withdraw:
            return "withdrawal from";
    }
    return "vote on";
}

}  // namespace

std::string_view state_text(const CardView& card) {
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

std::string notification_text(const CardView& card) {
    return fmt::format("{}: request #{} ({})", state_text(card), card.number, card.id.text());
}

std::string parameter_text(const CardParameter& parameter) {
    if (parameter.path.empty()) return printable(parameter.json);
    auto plain = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
               c == '-' || c == '.' || c == '[' || c == ']';
    };
    const bool as_it_is = std::ranges::all_of(parameter.path, plain);
    std::string name = as_it_is ? parameter.path : canonical(Value{parameter.path});
    return printable(name) + " = " + printable(parameter.json);
}

std::vector<CardSection> card_sections(const CardView& card) {
    CardSection headline{Part::headline};
    headline.lines.push_back({words(fmt::format("{}: ", state_text(card))), literal(visible(card.action))});
    std::vector<CardSection> sections;
    sections.push_back(std::move(headline));
    for (auto section : {what_is_asked, who_asks, how_it_stands, who_voted, their_words, its_labels,
                         its_links, its_parameters, small_print})
        sections.push_back(section(card));
    return with_something_to_say(std::move(sections));
}

std::vector<CardSection> full_view_sections(const CardView& card) {
    std::vector<CardSection> sections;
    for (auto section : {all_facts, their_words, its_parameters, all_votes, all_links, all_labels})
        sections.push_back(section(card));
    return with_something_to_say(std::move(sections));
}

CardSummary card_summary(const Case& c, const Ruling& ruling) {
    const Request& request = c.request;
    CardSummary summary{.id = request.id, .number = request.number, .line = request.action, .detail = {}};
    if (request.environment) summary.line += " in " + *request.environment;
    if (request.resource) summary.line += " on " + *request.resource;
    summary.detail = fmt::format("{}, asked by {}", name_of(ruling.state), request.requester.name);
    if (!open(ruling.state)) return summary;
    const std::string expires = rfc3339(request.expires_at);
    summary.detail += fmt::format(", expires {} {} UTC", expires.substr(0, 10), expires.substr(11, 5));
    if (auto needed = still_needed(ruling); !needed.empty()) summary.detail += ", still needed: " + needed;
    return summary;
}

std::string recorded_sentence(Verdict verdict, const Case& c, const Ruling& ruling) {
    auto sentence = fmt::format("Your {} #{} is recorded.", done_word(verdict), c.request->number);
    if (ruling.state != State::pending)
        return sentence + fmt::format(" The request is {}.", name_of(ruling.state));
    if (verdict == Verdict::deny) {
        for (const Objection& one : objections(c))
            sentence += fmt::format(" It is denied once {} of {} deny it ({} so far).", one.count,
                                    one.group.text(), one.given);
    }
    if (ruling.held) sentence += " The request is on hold: nothing is decided until it is released.";
    if (auto needed = still_needed(ruling); !needed.empty()) sentence += " Still needed: " + needed + ".";
    return sentence;
}

}  // namespace countersign::core
