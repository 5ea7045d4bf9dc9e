#include "countersign/app/approved_before.hpp"

#include <utility>

namespace countersign::app {

Later<CasePtr> approved_before(CaseStore& cases, const core::Case& c, Deadline deadline) {
    const core::Request& request = *c.request;
    Alike alike{request.action, request.resource, request.number};
    const auto readers = c.applied->visible_to;
    auto found = co_await cases.last_approved(std::move(alike), deadline);
    if (!found) co_return CasePtr{};
    // It was found by columns that no seal covers.
    if (found->request->action != request.action || found->request->resource != request.resource)
        co_return CasePtr{};
    const auto& its_readers = found->applied->visible_to;
    if (!its_readers.empty() && its_readers != readers) co_return CasePtr{};
    co_return with_ruling(std::move(*found));
}

}  // namespace countersign::app
