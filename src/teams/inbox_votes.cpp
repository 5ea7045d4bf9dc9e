#include <utility>

#include "teams/answers.hpp"
#include "teams/inbox.hpp"

// Beside what people press: votes that began elsewhere, and traces.
namespace countersign::teams {

Later<std::variant<wire::TeamsCard, core::Refusal>> Inbox::question_of_vote(app::VoteAsked asked,
                                                                            Deadline deadline) {
    using Asked = std::variant<wire::TeamsCard, core::Refusal>;
    auto question = co_await conversation_.question_of_vote(std::move(asked), deadline);
    if (!question) co_return pass(question);
    if (auto* refusal = std::get_if<core::Refusal>(&*question)) co_return Asked{std::move(*refusal)};
    auto drawn = private_card(std::get<app::Reply>(*question), parts_.speech.style());
    if (!drawn) co_return fail(Trouble::unavailable, "there is nothing to ask");
    co_return Asked{std::move(*drawn)};
}

void Inbox::trace(const Asked& asked) const {
    if (runtime_.tracer == nullptr) return;
    const auto origin = origin_of(asked.press, asked.who());
    runtime_.trace(app::act_span(core::Surface::teams, *asked.request, origin.key), asked.at);
}

}  // namespace countersign::teams
