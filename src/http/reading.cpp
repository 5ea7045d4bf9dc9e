#include "http/reading.hpp"

#include <algorithm>
#include <utility>

#include "countersign/core/reading.hpp"

namespace countersign::http {

bool reads(const app::Caller& caller, const core::Case& c, const core::Directory& directory) {
    return !caller.token.owner || app::own(caller, c.request) ||
           core::reading_of(c, directory, *caller.token.owner) == core::Reading::everything;
}

Later<Done> OwnersReading::check(const app::Caller& caller, app::CasePtr now, Deadline deadline) {
    if (!caller.token.owner || app::own(caller, now->c.request)) co_return Done{};
    auto access = co_await readers_.access({.account = *caller.token.owner}, std::move(now), deadline);
    if (!access) co_return pass(access);
    if (*access == app::Access::everything) co_return Done{};
    co_return fail(Trouble::forbidden,
                   "the policy says who may read this request, and the owner of this token is not among them",
                   "not_a_reader");
}

Later<std::vector<app::CasePtr>> OwnersReading::readable(const app::Caller& caller,
                                                         std::vector<app::CasePtr> cases, Deadline deadline) {
    if (!caller.token.owner || cases.empty()) co_return cases;
    std::vector<app::CasePtr> others;
    for (const app::CasePtr& now : cases)
        if (!app::own(caller, now->c.request)) others.push_back(now);
    if (others.empty()) co_return cases;
    auto theirs = co_await readers_.readable({.account = *caller.token.owner}, others, deadline);
    if (!theirs) co_return pass(theirs);
    auto among = [](const std::vector<app::CasePtr>& all, const app::CasePtr& one) {
        return std::ranges::find(all, one) != all.end();
    };
    std::erase_if(cases, [&](const app::CasePtr& one) { return among(others, one) && !among(*theirs, one); });
    co_return cases;
}

}  // namespace countersign::http
