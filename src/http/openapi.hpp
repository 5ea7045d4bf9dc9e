#pragma once
#include <string_view>

namespace countersign::http {

extern const std::string_view openapi_document;  // docs/openapi.json, as built

}  // namespace countersign::http
