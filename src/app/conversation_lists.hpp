#pragma once
#include <string>

#include "countersign/app/requests.hpp"

namespace countersign::app {

// Tells in passing what people said of a request so far: "ben approved, cat denied"; empty: nothing.
std::string votes_text(const CaseNow& now);

}  // namespace countersign::app
