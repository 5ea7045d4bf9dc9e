#pragma once
#include <string_view>

namespace countersign::evidence {

// The page that checks an export in a reader's browser, in two parts: between them stands the export.
extern const std::string_view page_before;
extern const std::string_view page_after;

}  // namespace countersign::evidence
