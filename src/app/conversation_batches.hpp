#pragma once
#include <string>

#include "countersign/app/ports.hpp"

namespace countersign::app {

// "#12", for lines about one of several requests.
std::string number_text(const CaseNow& now);

}  // namespace countersign::app
