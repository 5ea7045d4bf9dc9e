#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "countersign/base/crypto.hpp"
#include "countersign/base/text.hpp"

// A peer in tests writes and reads WebSocket frames (RFC 6455 §5), right or wrong, with this. It shares no
// code with what is tested.
namespace countersign::test {

enum class Opcode : std::uint8_t { continuation = 0, text = 1, binary = 2, close = 8, ping = 9, pong = 10 };

inline void apply_mask(std::string& bytes, std::size_t from, std::uint32_t mask) {
    for (std::size_t i = from; i < bytes.size(); ++i)
        bytes[i] =
            static_cast<char>(bytes[i] ^ static_cast<char>(mask >> (24 - 8 * ((i - from) & 3)) & 0xFF));
}

// A frame with a mask is a client's.
inline std::string raw_frame(Opcode opcode, std::string_view payload,
                             std::optional<std::uint32_t> mask = std::nullopt, bool final = true) {
    std::string frame;
    auto append_number = [&](std::uint64_t number, int bytes) {
        for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8)
            frame.push_back(static_cast<char>(number >> shift & 0xFF));
    };
    append_number((final ? 0x80U : 0U) | static_cast<unsigned>(opcode), 1);
    std::uint64_t mask_bit = mask ? 0x80 : 0;
    std::size_t size = payload.size();
    append_number(mask_bit | (size < 126 ? size : size <= 0xFFFF ? 126U : 127U), 1);
    if (size >= 126) append_number(size, size <= 0xFFFF ? 2 : 8);
    if (mask) append_number(*mask, 4);
    std::size_t start = frame.size();
    frame += payload;
    if (mask) apply_mask(frame, start, *mask);
    return frame;
}

struct RawFrame {
    Opcode opcode;
    std::string payload;
};

// Reads a client's frames, as far as they are whole.
inline std::vector<RawFrame> raw_frames_of_client(std::string_view bytes) {
    std::vector<RawFrame> frames;
    auto number_at = [&](std::size_t at, std::size_t count) {
        std::uint64_t number = 0;
        for (std::size_t i = 0; i < count; ++i)
            number = number << 8 | static_cast<unsigned char>(bytes[at + i]);
        return number;
    };
    while (bytes.size() >= 2) {
        std::uint64_t size = number_at(1, 1) & 0x7F;
        std::size_t length_bytes = size == 126 ? 2 : size == 127 ? 8 : 0;
        std::size_t head_bytes = 2 + length_bytes + 4;
        if ((number_at(1, 1) & 0x80) == 0 || bytes.size() < head_bytes) break;
        if (length_bytes > 0) size = number_at(2, length_bytes);
        if (bytes.size() - head_bytes < size) break;
        RawFrame frame{static_cast<Opcode>(number_at(0, 1) & 0x0F),
                       std::string(bytes.substr(head_bytes, static_cast<std::size_t>(size)))};
        apply_mask(frame.payload, 0, static_cast<std::uint32_t>(number_at(2 + length_bytes, 4)));
        frames.push_back(std::move(frame));
        bytes.remove_prefix(head_bytes + static_cast<std::size_t>(size));
    }
    return frames;
}

// Computes what a server answers to `Sec-WebSocket-Key`.
inline std::string accept_key(std::string_view key) {
    return base64(as_text(sha1(std::string(key) + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11")));
}

}  // namespace countersign::test
