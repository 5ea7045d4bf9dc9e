#include "countersign/core/request_number.hpp"

namespace countersign::core {

std::optional<std::int64_t> request_number(std::string_view text) {
    if (text.starts_with('#')) text.remove_prefix(1);
    if (text.empty() || text.size() > request_number_digits_max || text.front() == '0') return std::nullopt;
    std::int64_t number = 0;
    for (char digit : text) {
        if (digit < '0' || digit > '9') return std::nullopt;
        number = number * 10 + (digit - '0');
    }
    return number;
}

}  // namespace countersign::core
