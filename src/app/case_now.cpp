#include "countersign/app/case_now.hpp"

#include <utility>

namespace countersign::app {

CasePtr with_ruling(core::Case c, core::Ruling ruling) {
    return std::make_shared<const CaseNow>(std::move(c), std::move(ruling));
}

CasePtr with_ruling(core::Case c) {
    auto ruling = core::decide(c);
    return with_ruling(std::move(c), std::move(ruling));
}

}  // namespace countersign::app
