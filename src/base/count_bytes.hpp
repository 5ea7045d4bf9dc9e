#pragma once
#include <cstddef>
#include <string_view>

namespace countersign {

// Counts the bytes of which `is` is true. Sums of up to 255 bytes are kept in one byte each, which the
// compiler turns into vectors of them.
template <class Is>
std::size_t count_bytes(std::string_view text, const Is& is) {
    std::size_t count = 0;
    for (std::size_t i = 0; i < text.size();) {
        unsigned char sum = 0;
        for (char c : text.substr(i, 255)) sum = static_cast<unsigned char>(sum + (is(c) ? 1 : 0));
        count += sum;
        i += 255;
    }
    return count;
}

}  // namespace countersign
