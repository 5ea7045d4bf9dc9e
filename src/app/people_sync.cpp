#include "countersign/app/people_sync.hpp"

#include <utility>

namespace countersign::app {

Later<Done> PeopleSync::refresh(Deadline deadline) {
    auto known = roster_.people_version();
    auto read = co_await store_.read(known, deadline);
    if (!read) co_return pass(read);
    roster_.set_people(std::move(*read), runtime_.now());
    co_return Done{};
}

Later<Done> PeopleSync::ensure(Deadline deadline) {
    if (roster_.knows_people(runtime_.now())) co_return Done{};
    auto read = co_await refresh(deadline);
    // Somebody else may have read them meanwhile.
    if (read || roster_.knows_people(runtime_.now())) co_return Done{};
    co_return pass(read);
}

}  // namespace countersign::app
