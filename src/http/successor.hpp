#pragma once
#include <string>

#include "countersign/base/secret.hpp"
#include "countersign/core/entry.hpp"

namespace countersign::http {

// Where a voter lowered the request, adds to its document, which `body` is, the access token of the one that
// took its place: a caller whose token is good for one request alone goes on with that.
void tell_successor(std::string& body, const core::Case& c, const Secret& access_key);

}  // namespace countersign::http
