// Policy files: whatever the bytes, findings or a policy that can be applied.
#include "countersign/adapters/policy.hpp"

#include <cstdint>

#include "countersign/base/check.hpp"
#include "countersign/core/advance.hpp"

namespace {

using namespace countersign;

core::Request request() {
    core::Request one{core::RequestId{core::RequestId::Bytes{}},
                      1,
                      "db.export",
                      "orders",
                      "production",
                      "why",
                      core::Value::object({{"rows", 5}, {"tags", core::Value::Array{"a", 1, nullptr}}}),
                      {},
                      {},
                      {},
                      {},
                      "",
                      {},
                      core::Instant{} + std::chrono::hours{1}};
    one.requester.name = "ci";
    return one;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::vector<PolicyFinding> findings;
    auto policy = read_policy({reinterpret_cast<const char*>(data), size}, "p.yaml", findings);
    bool errors = false;
    for (const auto& finding : findings) {
        errors = errors || finding.severity == PolicyFinding::Severity::error;
        COUNTERSIGN_CHECK(!finding.text().empty());
    }
    COUNTERSIGN_CHECK(policy.has_value() == !errors);
    if (!policy) return 0;
    auto applied = core::match(**policy, request(), std::nullopt, {});
    if (!applied || applied->kind != core::Applied::Kind::require) return 0;
    COUNTERSIGN_CHECK(!applied->alternatives.empty());
    for (const auto& slots : applied->alternatives) COUNTERSIGN_CHECK(!slots.groups.empty());
    core::Directory offline{*policy, {}};
    auto opened = core::opening(request(), *applied, offline, {});
    core::Case c{request(), *applied, {core::Entry{opened}}};
    auto ruling = core::decide(c);
    COUNTERSIGN_CHECK(ruling.state == (opened.dead_end ? core::State::refused : core::State::pending));
    core::lacking(c, ruling, offline);
    return 0;
}
