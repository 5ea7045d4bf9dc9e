#pragma once
#include <cstddef>
#include <string_view>

namespace countersign {

// Counts the bytes of which `is` is true. Sums of some of them are kept in one byte each, which the compiler
// turns into vectors: so many that a byte holds them, and that nothing is left over for a slower loop.
template <class Is>
std::size_t count_bytes(std::string_view text, const Is& is) {
    constexpr std::size_t together = 224;
    std::size_t count = 0;
    for (std::size_t i = 0; i < text.size(); i += together) {
        unsigned char sum = 0;
        for (char c : text.substr(i, together)) sum = static_cast<unsigned char>(sum + (is(c) ? 1 : 0));
        count += sum;
    }
    return count;
}

}  // namespace countersign
