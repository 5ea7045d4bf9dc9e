#include "http/vote_question_calls.hpp"

#include <utility>

#include "countersign/base/overload.hpp"
#include "countersign/wire/problem.hpp"
#include "countersign/wire/request.hpp"

namespace countersign::http {
namespace {

core::Value asked_document(const app::VoteQuestions::Asked& asked) {
    return core::Value::object({{"chat", core::name_of(asked.chat)}, {"person", asked.person.text()}});
}

std::string described(const app::Token& token) {
    return "the token " + token.name + " (…" + token.hint + ")";
}

}  // namespace

std::vector<Route> VoteQuestionCalls::routes() {
    return {{"POST", "/v1/requests/{id}/vote-questions", [this](Call& call) { return ask(call); }}};
}

Later<net::HttpResponse> VoteQuestionCalls::ask(Call& call) {
    auto now = co_await requests_.readable(call);
    if (!now) co_return pass(now);
    auto json = json_body(call.exchange.request(), false);
    if (!json) co_return pass(json);
    auto body = wire::vote_from(*json);
    if (!body) co_return pass(body);
    if (body->verdict == core::Verdict::lower)
        co_return fail(Trouble::invalid_input, "lower it in the chat: the card asks for the numbers there",
                       "invalid_value", "/verdict");
    const auto& token = call.caller.token;
    if (!token.owner || call.caller.workload || call.caller.only)
        co_return fail(
            Trouble::forbidden,
            "nobody owns this token, so nobody can be asked to confirm: use one that was made with "
            "--owner",
            "no_owner");
    const auto& request = (*now)->c.request;
    if (body->digest != request->digest)
        co_return fail(Trouble::conflict, "the request has another digest than the one you sent",
                       "digest_differs", "/digest");
    const auto person = parts_.roster.snapshot()->person_of(*token.owner);
    if (auto next = questions_.take(person.text(), runtime_.now())) {
        Failure failure{Trouble::overloaded,
                        "too many questions to one person: wait as long as Retry-After says",
                        "rate_limited",
                        {}};
        failure.not_before = next;
        co_return std::unexpected(std::move(failure));
    }
    auto outcome = co_await parts_.vote_questions.ask({.owner = *token.owner,
                                                       .request = request->id,
                                                       .verdict = body->verdict,
                                                       .reason = std::move(body->reason),
                                                       .asked_by = described(token)},
                                                      call.deadline);
    if (!outcome) co_return pass(outcome);
    if (const auto* refusal = std::get_if<core::Refusal>(&*outcome))
        co_return std::unexpected(wire::failure_of(*refusal));
    co_return json_answer(202,
                          core::canonical(asked_document(std::get<app::VoteQuestions::Asked>(*outcome))));
}

}  // namespace countersign::http
