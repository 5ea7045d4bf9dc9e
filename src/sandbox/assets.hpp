#pragma once
#include <string_view>

namespace countersign::sandbox {

// Holds a file of the page, built into the program from src/sandbox/page/.
struct Asset {
    std::string_view path;
    std::string_view type;
    std::string_view bytes;
};
const Asset* find_asset(std::string_view path);  // Returns nullptr where there is no such file.

}  // namespace countersign::sandbox
