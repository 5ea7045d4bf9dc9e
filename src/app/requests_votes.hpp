#pragma once
#include "countersign/app/requests.hpp"

namespace countersign::app {

// Says whether there is somebody behind the request whom their chat was not asked about.
bool unasked(const CaseNow& now, const core::Directory& directory);

}  // namespace countersign::app
