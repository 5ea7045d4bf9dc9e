#include "cli/card.hpp"

#include <fmt/format.h>

#include <memory>
#include <optional>
#include <utility>

#include "cli/console.hpp"
#include "countersign/base/text.hpp"
#include "countersign/core/card_sections.hpp"

namespace countersign::cli {
namespace {

using core::CardLack;
using core::CardVote;
using core::Value;
using Kind = core::CardRun::Kind;

std::optional<std::string> text_or_none(const Value& value) {
    return value.string() == nullptr ? std::nullopt : std::optional{std::string{value.text()}};
}
std::optional<core::Instant> time_or_none(const Value& value) {
    return core::parse_rfc3339(value.text());
}
core::Who who(const Value& name) {
    return {std::string{name.text()}, std::nullopt};
}
std::uint32_t count_of(const Value& value) {
    const auto count = value.integer();
    return count && *count > 0 && *count <= UINT32_MAX ? static_cast<std::uint32_t>(*count) : 0;
}
template <class See>
void each(const Value& list, const See& see) {
    if (const auto* items = list.items())
        for (const Value& item : *items) see(item);
}

std::vector<CardLack> lacks_of(const Value& list) {
    std::vector<CardLack> lacks;
    each(list, [&](const Value& one) {
        CardLack lack{std::string{one["group"].text()},
                      count_of(one["count"]),
                      {},
                      count_of(one["more"]),
                      one["later"].truth()};
        each(one["could_approve"], [&](const Value& person) { lack.could_approve.push_back(who(person)); });
        lacks.push_back(std::move(lack));
    });
    return lacks;
}

CardVote vote_of(const Value& vote, core::Verdict otherwise) {
    CardVote made{who(vote["person"]),
                  core::parse_verdict(vote["verdict"].text()).value_or(otherwise),
                  core::Surface::api,
                  time_or_none(vote["at"]).value_or(core::Instant{}),
                  std::string{vote["reason"].text()},
                  text_or_none(vote["counted_for"])};
    made.self_approval = vote["self_approval"].truth();
    made.in_place_of = text_or_none(vote["in_place_of"]);
    if (auto ms = vote["after_card_ms"].integer()) made.after_card = std::chrono::milliseconds{*ms};
    return made;
}

void add_what_was_asked(core::CardView& card, const Value& request) {
    card.action = request["action"].text();
    card.resource = text_or_none(request["resource"]);
    card.environment = text_or_none(request["environment"]);
    card.intent = request["intent"].text();
    card.requester = who(request["requester"]["name"]);
    each(request["on_behalf_of"], [&](const Value& person) { card.on_behalf_of.push_back(who(person)); });
    card.no_human_named = request["requester"]["people"][std::size_t{0}].is_null();
    if (request["parameters"].members() != nullptr)
        card.parameters = std::make_shared<const Value>(request["parameters"]);
    each(request["sensitive"], [&](const Value&) { ++card.hidden; });
    if (const auto* labels = request["labels"].members())
        for (const auto& [name, value] : *labels) card.labels.emplace_back(name, value.text());
    each(request["related"], [&](const Value& link) {
        card.links.push_back({std::string{link["title"].text()}, std::string{link["url"].text()}});
    });
    card.digest = request["digest"].text();
}

void add_terms(core::CardTerms& terms, const Value& request) {
    terms.reason_required = request["reason_required"].truth();
    each(request["excluded"], [&](const Value& person) { terms.excluded.push_back(who(person)); });
    if (const auto from = time_or_none(request["widening"]["from"])) {
        terms.widening = core::CardWidening{{}, *from, request["widening"]["on"].truth()};
        each(request["widening"]["groups"],
             [&](const Value& group) { terms.widening->groups.emplace_back(group.text()); });
    }
    terms.claim_from = time_or_none(request["claim"]["not_before"]);
    each(request["claim"]["closed"], [&](const Value& one) {
        if (const auto from = time_or_none(one["from"]))
            terms.claim_closed.push_back({*from, time_or_none(one["to"]).value_or(core::end_of_time)});
    });
}

void add_risk(core::CardView& card, const Value& risk) {
    if (risk.members() == nullptr) return;
    card.risk = count_of(risk["points"]);
    each(risk["parts"], [&](const Value& part) {
        card.risk_parts.push_back({std::string{part["what"].text()}, count_of(part["points"])});
    });
}

void add_review(core::CardView& card, const Value& review) {
    if (review.members() == nullptr) return;
    core::CardReview& made = card.review.emplace();
    made.due = time_or_none(review["due_at"]).value_or(core::Instant{});
    made.overdue = review["state"].text() == "overdue";
    each(review["missing"], [&](const Value& one) {
        core::CardReview::Missing missing{std::string{one["group"].text()}, {}};
        each(one["could_review"], [&](const Value& person) { missing.could_review.push_back(who(person)); });
        made.missing.push_back(std::move(missing));
    });
    each(review["given"], [&](const Value& one) {
        core::CardReview::Given given{who(one["person"]),
                                      {},
                                      time_or_none(one["at"]).value_or(core::Instant{}),
                                      std::string{one["reason"].text()}};
        each(one["groups"], [&](const Value& group) { given.groups.emplace_back(group.text()); });
        made.given.push_back(std::move(given));
    });
}

void add_how_it_stands(core::CardView& card, const Value& request) {
    each(request["policy"]["rules"], [&](const Value& rule) { card.rules.emplace_back(rule.text()); });
    add_risk(card, request["policy"]["risk"]);
    add_terms(card.terms, request);
    if (request["missing"].items() != nullptr && card.state == core::State::pending)
        card.missing.push_back(lacks_of(request["missing"]));
    each(request["missing"]["any"], [&](const Value& way) { card.missing.push_back(lacks_of(way)); });
    each(request["votes"],
         [&](const Value& vote) { card.votes.push_back(vote_of(vote, core::Verdict::approve)); });
    if (request["held"].members() != nullptr) card.held = vote_of(request["held"], core::Verdict::hold);
    each(request["release"], [&](const Value& group) { card.releasers.emplace_back(group.text()); });
    if (request["deny"].members() != nullptr) {
        card.one_denial_ends = request["deny"]["any"].truth(true);
        each(request["deny"]["counts"], [&](const Value& one) {
            card.objections.push_back(
                {std::string{one["group"].text()}, count_of(one["count"]), count_of(one["given"])});
        });
    }
    card.created_at = time_or_none(request["created_at"]).value_or(core::Instant{});
    card.expires_at = time_or_none(request["expires_at"]).value_or(core::Instant{});
    card.grant_ends = time_or_none(request["grant_expires_at"]);
    card.decided_at = time_or_none(request["decided_at"]);
    card.claimed_at = time_or_none(request["claimed_at"]);
    card.reason = request["reason"].text();
    add_review(card, request["review"]);
    if (request["outcome"].members() == nullptr) return;
    card.ended_at = time_or_none(request["outcome"]["at"]);
    card.outcome_detail = request["outcome"]["detail"].text();
}

std::string line_text(const core::CardLine& line) {
    std::string text;
    for (const core::CardRun& run : line) {
        switch (run.kind) {
            case Kind::people:
                for (std::size_t i = 0; i < run.people.size(); ++i)
                    text += (i > 0 ? ", " : "") + visible(run.people[i].name);
                break;
            case Kind::moment:
                text += time_text(run.at);
                break;
            case Kind::address:
                text += quoted_text(run.text);
                break;
            default:
                text += run.text;
        }
    }
    return text;
}

}  // namespace

core::CardView card_of(const Value& request) {
    core::CardView card;
    if (auto id = core::RequestId::parse(request["id"].text())) card.id = *id;
    card.number = request["number"].whole();
    card.state = core::parse_state(request["state"].text()).value_or(core::State::pending);
    add_what_was_asked(card, request);
    add_how_it_stands(card, request);
    return card;
}

std::vector<std::string> card_lines(const core::CardView& card) {
    std::vector<std::string> lines;
    for (const core::CardSection& section : core::uncut_card(card)) {
        if (section.part == core::CardSection::Part::headline) continue;
        const bool quoted = section.part == core::CardSection::Part::intent;
        if (!section.heading.empty() && !quoted) lines.push_back(section.heading + ":");
        for (const core::CardLine& line : section.lines)
            lines.push_back(quoted ? "“" + line_text(line) + "”" : line_text(line));
        // What is raw stands apart, so that no line of it passes for one of ours.
        if (!section.raw.empty())
            for (const std::string& line : split(section.raw, '\n')) lines.push_back("  | " + line);
        if (!section.note.empty()) lines.push_back(section.note);
    }
    return lines;
}

}  // namespace countersign::cli
