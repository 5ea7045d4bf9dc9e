#include "cli/ground.hpp"

#include <sys/prctl.h>
#include <sys/resource.h>

#include <vector>

#include "cli/console.hpp"
#include "countersign/adapters/policy.hpp"

namespace countersign::cli {

Result<std::shared_ptr<const core::Policy>> load_policy_aloud(const std::string& path, bool warnings) {
    std::vector<PolicyFinding> findings;
    const auto linting = warnings ? PolicyLint::run : PolicyLint::skip;
    auto loaded = load_policy(path, findings, system_zones(), linting);
    for (const auto& finding : findings) {
        if (finding.severity != PolicyFinding::Severity::accepted) note(finding.text());
    }
    return loaded;
}

void keep_memory_private() {
    rlimit none{};
    ::setrlimit(RLIMIT_CORE, &none);
    ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

void raise_descriptor_limit() {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace countersign::cli
