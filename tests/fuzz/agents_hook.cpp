// What an agent writes to the hook: whatever is read can be answered, in one write, and a denial is one.
#include "countersign/agents/hook.hpp"

#include <cstdint>

#include "countersign/base/check.hpp"
#include "countersign/core/request.hpp"
#include "countersign/wire/json.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace countersign;
    using namespace countersign::agents;
    std::string_view text{reinterpret_cast<const char*>(data), size};
    auto call = read_hook(text);
    if (auto outcome = read_hook_outcome(text)) {
        COUNTERSIGN_CHECK(!call);  // what has ended is no question
        COUNTERSIGN_CHECK(!outcome->detail.empty() && !hook_call_names(outcome->call).empty());
    }
    if (!call) {
        COUNTERSIGN_CHECK(!call.error().detail.empty());
        auto answer = unread_hook_answer(call.error().detail);
        COUNTERSIGN_CHECK(answer.code == 2 && answer.out.empty() && !answer.error.empty());
        return 0;
    }
    COUNTERSIGN_CHECK(core::valid_action(call->action));
    COUNTERSIGN_CHECK(call->parameters.members() != nullptr && !call->session.empty());
    for (auto word : {HookWord::no_opinion, HookWord::allow, HookWord::deny, HookWord::defer}) {
        auto answer = hook_answer(*call, word, text);
        COUNTERSIGN_CHECK(!answer.out.empty() && answer.out.size() <= hook_answer_bytes_max);
        COUNTERSIGN_CHECK(answer.out.back() == '\n' && answer.out.find('\n') == answer.out.size() - 1);
        if (word == HookWord::deny) COUNTERSIGN_CHECK(answer.code == 2 && !answer.error.empty());
    }
    return 0;
}
