#pragma once
#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "countersign/adapters/http.hpp"
#include "countersign/agents/hook.hpp"
#include "http/router.hpp"

namespace countersign::http {

// Coding agents that ask the server itself before they run a tool: POST /hooks/claude takes what Claude Code
// sends to a hook of type "http". Every answer of this path is 200 with a decision, failures too: Claude Code
// runs the tool after any other, unless its settings say otherwise. What it sends after the tool is an
// outcome.
class HookCalls {
  public:
    static constexpr core::Duration wait_usual{
        std::chrono::seconds{45}};  // proxies cut what is silent longer
    static constexpr core::Duration wait_most{std::chrono::minutes{10}};
    static constexpr std::size_t repetitions_max = 64;  // of one call that are looked through
    static constexpr std::size_t remembered_max = 10'000;

    HookCalls(const app::Runtime& runtime, Parts parts) : runtime_(runtime), parts_(parts) {}
    std::vector<Route> routes();

  private:
    struct Asked {
        agents::HookCall hook;
        core::Value body;  // as POST /v1/requests takes it
        core::Instant until;
    };
    Later<net::HttpResponse> claude(Call& call);
    // What is said after a tool is no question: the request that let it run is found and reported.
    Later<net::HttpResponse> report(Call& call, const agents::HookOutcome& outcome);
    Later<std::optional<core::RequestId>> claimed_by(const Call& call, const agents::HookCall& hook);
    Result<Asked> asked(const Call& call) const;
    Later<net::HttpResponse> decide(Call& call, const Asked& asked);
    Later<app::Filed> file(Call& call, const Asked& asked, std::string key);
    Later<app::CasePtr> decided(Call& call, const Asked& asked, app::CasePtr now);
    // Says whether this call has what was approved; false: another has.
    Later<bool> claim(Call& call, const app::CasePtr& now);
    std::string random_text();
    void remember(const std::string& name, std::size_t repetition);

    const app::Runtime& runtime_;
    Parts parts_;
    std::set<std::pair<core::TokenId, std::string>> running_;  // keys of requests that are being opened
    std::map<std::string, std::size_t> repetitions_;           // where to look first; only a hint
};

}  // namespace countersign::http
