#include "countersign/net/http.hpp"

#include <algorithm>

#include "net/http_text.hpp"

namespace countersign::net {

std::optional<std::string_view> Fields::find(std::string_view name) const {
    for (const auto& [field, value] : fields_)
        if (equal_ignoring_case(field, name)) return value;
    return std::nullopt;
}

std::size_t Fields::count(std::string_view name) const {
    return static_cast<std::size_t>(std::count_if(fields_.begin(), fields_.end(), [&](const auto& field) {
        return equal_ignoring_case(field.first, name);
    }));
}

}  // namespace countersign::net
