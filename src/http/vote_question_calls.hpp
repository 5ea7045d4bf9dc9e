#pragma once
#include <vector>

#include "countersign/adapters/http.hpp"
#include "http/request_calls.hpp"
#include "http/router.hpp"
#include "http/throttle.hpp"

namespace countersign::http {

// Votes that begin at a terminal: the token's owner is asked in their chat, and votes there.
class VoteQuestionCalls {
  public:
    // So many questions one person is asked in a minute, by whatever tokens of theirs.
    static constexpr double questions_per_minute = 10;

    VoteQuestionCalls(const app::Runtime& runtime, Parts parts, RequestCalls& requests)
        : runtime_(runtime), parts_(parts), requests_(requests) {}
    std::vector<Route> routes();

  private:
    Later<net::HttpResponse> ask(Call& call);

    const app::Runtime& runtime_;
    Parts parts_;
    RequestCalls& requests_;
    Throttle questions_{questions_per_minute, questions_per_minute};
};

}  // namespace countersign::http
