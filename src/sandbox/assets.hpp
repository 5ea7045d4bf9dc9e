#pragma once
#include <string_view>

namespace countersign::sandbox {

// A file of the page, built into the program from src/sandbox/page/.
struct Asset {
    std::string_view path;
    std::string_view type;
    std::string_view bytes;
};
const Asset* find_asset(std::string_view path);  // nullptr: none

}  // namespace countersign::sandbox
