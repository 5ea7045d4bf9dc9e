#include "evidence/each_case.hpp"

#include <fmt/core.h>

#include <chrono>
#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>

#include "countersign/base/text.hpp"
#include "evidence/case_check.hpp"

namespace countersign::evidence {
namespace {

constexpr core::Duration case_patience{std::chrono::seconds{30}};

bool asked_for(const ExportFilter& filter, const core::Request& request) {
    return (!filter.since || request.created_at >= *filter.since) &&
           (!filter.until || request.created_at < *filter.until) &&
           (!filter.action || request.action == *filter.action) &&
           (!filter.environment || request.environment == filter.environment) &&
           (!filter.request || request.id == *filter.request);
}

}  // namespace

Later<std::vector<Finding>> each_case(app::AuditStore& store, const ExportFilter& filter,
                                      const rt::Clock& clock, AuditProgress progress,
                                      std::function<void(const core::Case&)> see) {
    std::vector<Finding> findings;
    std::int64_t seen = 0;
    std::optional<core::RequestId> after;
    for (bool more = true; more;) {
        Deadline deadline{clock.now() + case_patience};
        auto page = co_await store.cases(after, app::AuditStore::cases_max, deadline);
        if (!page) co_return pass(page);
        more = page->size() == app::AuditStore::cases_max;
        for (const auto& one : *page) {
            after = one.recorded.id;
            auto checked = check_case(one.recorded);
            if (checked.c && !asked_for(filter, checked.c->request)) continue;
            std::string where = fmt::format("request #{}", one.recorded.number);
            if (!one.broken.empty()) findings.push_back({where, one.broken});
            for (auto& problem : checked.problems) findings.push_back({where, std::move(problem)});
            if (checked.c) see(*checked.c);
            ++seen;
        }
        if (progress) progress("requests", seen, -1);
    }
    co_return findings;
}

Result<Done> make_empty_folder(const std::string& folder) {
    std::error_code error;
    if (std::filesystem::exists(folder, error) && !std::filesystem::is_empty(folder, error))
        return fail(Trouble::conflict,
                    fmt::format("{} is not empty: name a folder that does not exist yet", visible(folder)));
    std::filesystem::create_directories(folder, error);
    if (error) return fail(Trouble::unavailable, fmt::format("{}: {}", visible(folder), error.message()));
    return Done{};
}

}  // namespace countersign::evidence
