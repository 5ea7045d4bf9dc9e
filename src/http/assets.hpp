#pragma once
#include "http/router.hpp"

namespace countersign::http {

// The scripts and styles that pages ask for, under /assets/.
Route assets_route();

}  // namespace countersign::http
