#include <utility>

#include "teams/answers.hpp"
#include "teams/inbox.hpp"

// Votes that people are asked to confirm, since they began elsewhere.
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

}  // namespace countersign::teams
