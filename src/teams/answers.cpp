#include "teams/answers.hpp"

#include <fmt/format.h>

#include <utility>

#include "countersign/base/overload.hpp"
#include "countersign/base/text.hpp"

namespace countersign::teams {
namespace {

std::string reason_wanted(const app::ReasonDialog& asked) {
    return fmt::format("Say why, as a message to me: {} {} and your reason", core::name_of(asked.verdict),
                       asked.request.text());
}

wire::TeamsCard list_card(const app::RequestList& list) {
    auto heading = list.heading;
    if (list.next)
        heading += fmt::format(" · more: {} {}", core::chat_kind(core::Surface::teams)->command, *list.next);
    std::vector<core::RequestId> to_review;
    for (const app::ListedRequest& row : list.items)
        if (row.can_review) to_review.push_back(row.summary.id);
    return wire::teams_list(heading, summaries(list), to_review);
}

}  // namespace

std::vector<core::CardSummary> summaries(const app::RequestList& list) {
    std::vector<core::CardSummary> all;
    all.reserve(list.items.size());
    for (const app::ListedRequest& row : list.items) {
        all.push_back(row.summary);
        if (!row.votes.empty()) all.back().detail += ", " + row.votes;
    }
    return all;
}

std::string unread(const Failure& failure) {
    if (failure.trouble == Trouble::not_found) return std::string(not_known);
    return failure.trouble == Trouble::forbidden ? failure.detail
                                                 : std::string("This cannot be shown right now. Try again.");
}

net::HttpResponse status_alone(unsigned status) {
    net::HttpResponse response;
    response.status = status;
    return response;
}

net::HttpResponse json_body(wire::JsonText body, unsigned status) {
    net::HttpResponse response;
    response.status = status;
    response.fields.add("Content-Type", "application/json; charset=utf-8");
    response.fields.add("Cache-Control", "no-store");
    response.body = std::move(body.text);
    return response;
}

net::HttpResponse words_for(const wire::TeamsActivity& activity, std::string_view words) {
    if (activity.kind != wire::TeamsActivity::Kind::invoke) return status_alone(200);
    if (activity.invoke == card_invoke) return json_body(wire::teams_words_answer(words));
    if (activity.invoke == query_invoke) return json_body(wire::teams_results_words(words));
    return json_body(wire::teams_dialog_words(words));
}

std::optional<wire::TeamsCard> private_card(const app::Reply& reply, const wire::TeamsStyle& style) {
    using Drawn = std::optional<wire::TeamsCard>;
    return std::visit(
        Overload{
            [](const app::Silence&) { return Drawn{}; },
            [](const app::Lines& lines) { return Drawn{wire::teams_lines(lines.text)}; },
            [&](const app::RequestList& list) { return Drawn{list_card(list)}; },
            [&](const app::PrivateCard& shown) { return Drawn{wire::teams_private_card(shown.card, style)}; },
            [&](const app::ApproveQuestion& asked) {
                return Drawn{wire::teams_approval(asked.card, style, asked.note, asked.reason, asked.whole)};
            },
            [](const app::FullView& view) {
                return Drawn{wire::teams_full_view_offer(
                    fmt::format("What #{} asks for does not fit a message.", view.card.number),
                    view.card.id)};
            },
            [](const app::YesNoQuestion& asked) {
                const auto& [about, id] = asked.question;
                using About = app::Question::About;
                const auto* name = about == About::link ? "link" : about == About::vote ? "vote" : "token";
                return Drawn{wire::teams_question(asked.lines, name, id)};
            },
            // Teams shows every request on a card of its own.
            [](const app::ApproveTogether&) { return Drawn{}; },
            [](const app::SignInNeeded& needed) {
                return Drawn{wire::teams_sign_in(needed.about, needed.address)};
            },
            [](const app::ReasonDialog& asked) { return Drawn{wire::teams_lines({reason_wanted(asked)})}; }},
        reply.what);
}

std::optional<net::HttpResponse> sign_in_body(const app::Reply& reply, bool in_dialog) {
    const auto* needed = std::get_if<app::SignInNeeded>(&reply.what);
    if (needed == nullptr) return std::nullopt;
    auto card = wire::teams_sign_in(needed->about, needed->address).card;
    return json_body(in_dialog ? wire::teams_dialog_answer(fmt::format("Approve #{}", needed->number), card)
                               : wire::teams_card_answer(card));
}

std::string words_of(const app::Reply& reply) {
    if (const auto* lines = std::get_if<app::Lines>(&reply.what)) return join(lines->text, " ");
    if (const auto* asked = std::get_if<app::ReasonDialog>(&reply.what)) return reason_wanted(*asked);
    if (std::holds_alternative<app::Silence>(reply.what)) return "Recorded: the card tells the rest.";
    return "This is answered in your own conversation with me.";
}

}  // namespace countersign::teams
