#include "countersign/base/result.hpp"

#include "countersign/base/check.hpp"

namespace countersign {

std::string_view name_of(Trouble trouble) {
    switch (trouble) {
        case Trouble::invalid_input:
            return "invalid_input";
        case Trouble::unauthenticated:
            return "unauthenticated";
        case Trouble::forbidden:
            return "forbidden";
        case Trouble::not_found:
            return "not_found";
        case Trouble::conflict:
            return "conflict";
        case Trouble::too_large:
            return "too_large";
        case Trouble::overloaded:
            return "overloaded";
        case Trouble::unavailable:
            return "unavailable";
        case Trouble::timed_out:
            return "timed_out";
        case Trouble::cancelled:
            return "cancelled";
        case Trouble::corrupt:
            return "corrupt";
    }
    check_failed("every trouble has a name", std::source_location::current());
}

}  // namespace countersign
