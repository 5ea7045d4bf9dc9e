#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "countersign/base/result.hpp"
#include "countersign/core/time.hpp"

// The frames of the Bot Framework's streaming extensions (protocol "Bot Framework Streaming", as its
// SDKs 4.23 speak it): 48 bytes of ASCII that say type, length and id, then the payload. Requests and
// responses are JSON that name the streams which carry their bodies; both sides may ask.
namespace countersign::wire {

inline constexpr std::size_t streaming_header_bytes = 48;
inline constexpr std::size_t streaming_payload_bytes_max = 4'096;

struct StreamingHeader {
    // The letters are those on the wire.
    enum class Type : char {
        request = 'A',
        response = 'B',
        stream = 'S',
        cancel_all = 'X',
        cancel_one = 'C'
    };
    Type type = Type::request;
    std::size_t length = 0;  // of the payload that follows
    std::string id;          // a GUID, lower case
    bool last = true;        // frame of its id
};
std::string streaming_header(const StreamingHeader& header);
// Fails with invalid_input where these 48 bytes are no header.
Result<StreamingHeader> read_streaming_header(std::string_view bytes);
// "00112233-4455-4677-8899-aabbccddeeff": a GUID of random bytes (RFC 9562, version 4).
std::string streaming_id(std::array<std::byte, 16> random);

struct StreamingMessage {
    enum class Kind : std::uint8_t { request, response };
    enum class Problem : std::uint8_t { none, malformed, too_large, overdue };
    Kind kind = Kind::request;
    std::string id = {};  // a response has that of its request
    std::string verb = {};
    std::string path = {};
    unsigned status = 0;
    std::string body = {};  // of the first stream; others are attachments, which nobody here reads
    Problem problem = Problem::none;
};
// The WebSocket messages of a request or response, each header and each payload one of its own. `body_id` is
// the id of the stream for the body.
std::vector<std::string> streaming_frames(const StreamingMessage& message, const std::string& body_id);

// Puts messages together from bytes in pieces of any size.
class StreamingReader {
  public:
    static constexpr std::size_t incomplete_max = 64;  // messages and early streams at a time
    static constexpr std::size_t streams_max = 16;     // of a message
    static constexpr std::size_t head_bytes_max = 16 * 1024;
    static constexpr std::size_t discarded_max = 256;

    // A message whose streams are longer comes as too_large.
    explicit StreamingReader(std::size_t body_bytes_max) : body_bytes_max_(body_bytes_max) {}

    // Fails with invalid_input, or with overloaded, where nothing that follows can be understood or kept.
    Result<Done> feed(std::string_view bytes, core::Instant now);
    // The messages that are complete by now, those with a problem among them.
    std::optional<StreamingMessage> next();
    // Gives up what was begun before: it comes out of `next` as overdue.
    void give_up(core::Instant begun_before);

  private:
    struct Stream {
        std::string id;
        std::optional<std::size_t> length;
        std::string bytes;
        std::size_t count = 0;  // of bytes that came, kept or not
        bool done = false;
        bool last_came = false;
    };
    struct Incomplete {
        StreamingMessage message;
        std::string head;
        bool head_done = false;
        std::vector<Stream> streams;
        core::Instant begun;
    };
    struct Early {  // a stream whose message has not come yet
        Stream stream;
        core::Instant begun;
    };
    using Messages = std::map<std::string, Incomplete, std::less<>>;

    Result<Done> take(const StreamingHeader& header, std::string_view payload, core::Instant now);
    Result<Done> take_head(const StreamingHeader& header, std::string_view payload, core::Instant now);
    Result<Done> take_stream(const StreamingHeader& header, std::string_view payload, core::Instant now);
    void read_head(Incomplete& one);
    void add(Stream& stream, std::string_view payload, bool last, bool is_body) const;
    void settle(Messages::iterator one);
    void finish(Messages::iterator one);
    void discard(const std::string& stream_id);

    std::size_t body_bytes_max_;
    std::string pending_;                                            // less than a frame
    Messages messages_;                                              // by type and id
    std::map<std::string, Messages::iterator, std::less<>> owners_;  // by stream id
    std::map<std::string, Early, std::less<>> early_;                // by stream id
    std::deque<std::string> discarded_;                              // ids whose frames are passed over
    std::deque<StreamingMessage> complete_;
};

}  // namespace countersign::wire
