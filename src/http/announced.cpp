#include "http/announced.hpp"

#include <algorithm>

namespace countersign::http {
namespace {

constexpr std::size_t problems_told_max = 50;

core::Value told(const app::CardProblem& problem) {
    auto card = core::Value::object(
        {{"channel", problem.target.channel}, {"chat", core::name_of(problem.target.surface)}});
    if (!problem.problem.empty()) card.set("problem", problem.problem);
    if (problem.held_until) card.set("held_until", core::rfc3339(*problem.held_until));
    return card;
}

}  // namespace

Later<std::vector<app::CardProblem>> problems_of(app::OutboxStore& outbox, const app::CaseNow& now,
                                                 core::Instant now_at, Deadline deadline) {
    if (!core::open(now.ruling.state)) co_return std::vector<app::CardProblem>{};
    auto read = co_await outbox.problems(now.c.request->id, problems_told_max, deadline);
    // What is asked for is the request; that it stands nowhere is said where it is known.
    if (!read) co_return std::vector<app::CardProblem>{};
    // What was held by now is on its way.
    for (app::CardProblem& problem : *read)
        if (problem.held_until && *problem.held_until <= now_at) problem.held_until.reset();
    std::erase_if(*read, [](const app::CardProblem& problem) {
        return problem.problem.empty() && !problem.held_until;
    });
    co_return std::move(*read);
}

void tell_no_chat(core::Value& document) {
    constexpr std::string_view problem =
        "no chat is set up, so nobody is shown it: set up Slack or Teams, or have people vote through the "
        "API";
    document.set(
        "unannounced",
        core::Value::Array{core::Value::object({{"channel", ""}, {"chat", ""}, {"problem", problem}})});
}

void tell_problems(core::Value& document, const std::vector<app::CardProblem>& problems) {
    auto cards = core::Value::array();
    auto nowhere = core::Value::array();
    for (const app::CardProblem& problem : problems) {
        if (!problem.request_shown && !problem.problem.empty()) nowhere.push(told(problem));
        auto card = told(problem);
        if (problem.fell_back) card.set("posted", "in the default channel");
        cards.push(std::move(card));
    }
    if (const auto* others = document["cards"].items()) {
        for (const core::Value& other : *others) {
            const bool has = std::ranges::any_of(problems, [&](const app::CardProblem& problem) {
                return problem.target.channel == other["channel"].text() &&
                       core::name_of(problem.target.surface) == other["chat"].text();
            });
            if (!has) cards.push(other);
        }
    }
    document.set("cards", std::move(cards));
    if (!nowhere.items()->empty()) document.set("unannounced", std::move(nowhere));
}

}  // namespace countersign::http
