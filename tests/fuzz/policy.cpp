// Policy files: whatever the bytes, findings or a policy that can be applied, and tests that can be run.
#include "countersign/adapters/policy.hpp"

#include <cstdint>

#include "countersign/adapters/policy_tests.hpp"
#include "countersign/base/check.hpp"
#include "countersign/core/advance.hpp"
#include "countersign/core/explain.hpp"
#include "countersign/core/match.hpp"

namespace {

using namespace countersign;

constexpr std::size_t tests_run_max = 3;  // of one policy: a test may have a thousand votes

core::Request request() {
    core::Request one{core::RequestId{core::RequestId::Bytes{}},
                      1,
                      "db.export",
                      "orders",
                      "production",
                      "why",
                      core::Value::object({{"rows", 5}, {"tags", core::Value::Array{"a", 1, nullptr}}}),
                      {{"job", "nightly"}},
                      {core::AccountId{"amy"}},
                      {},
                      {},
                      "",
                      {},
                      core::Instant{} + std::chrono::hours{1}};
    one.requester.name = "ci";
    one.requester.claims = core::Value::object({{"sub", "repo:x"}});
    return one;
}

// One zone of the machine's, read once; asking for any other must not walk through a folder each time.
const ZoneFiles& zones() {
    static const std::optional<std::string> berlin = system_zones().read("Europe/Berlin");
    static const ZoneFiles one{
        [](const std::string& name) { return name == "Europe/Berlin" ? berlin : std::nullopt; },
        [] { return std::vector<std::string>{"Europe/Berlin"}; }};
    return one;
}

void apply(const std::shared_ptr<const core::Policy>& policy) {
    auto applied = core::match(*policy, request(), std::nullopt, {});
    core::Directory offline{policy, {}};
    auto explained = core::explain(offline, request(), std::nullopt, {});
    COUNTERSIGN_CHECK(explained.rules.size() == policy->rules.size());
    if (!applied || applied->kind != core::Applied::Kind::require) return;
    COUNTERSIGN_CHECK(!applied->alternatives.empty());
    for (const auto& slots : applied->alternatives) COUNTERSIGN_CHECK(!slots.groups.empty());
    auto opened = core::opening(request(), *applied, offline, {});
    core::Case c{request(), *applied, {core::Entry{opened}}};
    auto ruling = core::decide(c);
    COUNTERSIGN_CHECK(ruling.state == (opened.dead_end ? core::State::refused : core::State::pending));
    core::lacking(c, ruling, offline);
}

bool any_error(const std::vector<PolicyFinding>& findings) {
    bool errors = false;
    for (const auto& finding : findings) {
        errors = errors || finding.severity == PolicyFinding::Severity::error;
        COUNTERSIGN_CHECK(!finding.text().empty());
    }
    return errors;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view yaml{reinterpret_cast<const char*>(data), size};
    std::vector<PolicyFinding> findings;
    auto policy = read_policy(yaml, "p.yaml", findings, zones());
    COUNTERSIGN_CHECK(policy.has_value() == !any_error(findings));
    if (!policy) return 0;
    apply(*policy);
    findings.clear();
    auto tests = read_policy_tests(yaml, "p.yaml", **policy, findings);
    COUNTERSIGN_CHECK(tests.has_value() == !any_error(findings));
    if (!tests) return 0;
    for (std::size_t i = 0; i < tests->size() && i < tests_run_max; ++i)
        run_policy_test(**policy, (*tests)[i]);
    return 0;
}
