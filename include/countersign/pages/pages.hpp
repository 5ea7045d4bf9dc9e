#pragma once
#include <string_view>

// What readers' browsers get of us beside what is made for each call: scripts and styles, as they are.
namespace countersign::pages {

// The page that checks an export in a reader's browser, in two parts. Between them stands the
// export, as JSON.
extern const std::string_view export_before;
extern const std::string_view export_after;

extern const std::string_view receipt_script;  // checks the proof on a receipt
extern const std::string_view style;           // of every page that this server answers with

}  // namespace countersign::pages
