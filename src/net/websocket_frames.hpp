#pragma once
#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

// RFC 6455 framing as text, without I/O.
namespace countersign::net {

enum class Opcode : std::uint8_t { continuation = 0, text = 1, binary = 2, close = 8, ping = 9, pong = 10 };

namespace close_code {
inline constexpr std::uint16_t normal = 1000;
inline constexpr std::uint16_t protocol_error = 1002;
inline constexpr std::uint16_t none_given = 1005;
inline constexpr std::uint16_t bad_payload = 1007;
inline constexpr std::uint16_t too_big = 1009;
}  // namespace close_code

// Appends one unfragmented frame; with a mask it is a client's.
void append_frame(std::string& out, Opcode opcode, std::string_view payload,
                  std::optional<std::uint32_t> mask);

struct Violation {
    std::uint16_t code;
    std::string_view why;
};

struct ParsedHead {
    bool final = true;
    Opcode opcode = Opcode::text;
    std::uint64_t payload_bytes = 0;
    std::optional<std::uint32_t> mask;
    std::size_t head_bytes = 0;
};
// nullopt: more bytes are needed. `masked`: what this side must insist on.
std::expected<std::optional<ParsedHead>, Violation> parse_frame_head(std::string_view bytes, bool masked);

// `position`: where in the payload `bytes` starts.
void unmask(char* bytes, std::size_t count, std::uint32_t mask, std::uint64_t position);

bool may_be_sent(std::uint16_t code);  // as a close frame's code

}  // namespace countersign::net
