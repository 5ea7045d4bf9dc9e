#pragma once
#include <memory>

#include "countersign/core/decide.hpp"

namespace countersign::app {

// A case as it is now, shared by all who look at it: thousands may wait for one request.
struct CaseNow {
    core::Case c;
    core::Ruling ruling;
};
using CasePtr = std::shared_ptr<const CaseNow>;
CasePtr with_ruling(core::Case c, core::Ruling ruling);
CasePtr with_ruling(core::Case c);  // worked out from its entries

}  // namespace countersign::app
