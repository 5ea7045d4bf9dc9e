#pragma once
#include <string>
#include <string_view>

namespace countersign {

// Makes a text one that may stand in HTML or XML, between tags and within a quoted attribute: nothing of it
// is markup. Line ends become references, as readers take plain ones in an attribute for blanks.
std::string escape_markup(std::string_view text);

}  // namespace countersign
