#pragma once
#include <functional>
#include <memory>
#include <string>

#include "countersign/net/network.hpp"
#include "net/live_stream.hpp"

namespace countersign::net {

// Holds the TLS settings of one side: 1.2 or newer, ALPN http/1.1.
class TlsContext {
  public:
    static TlsContext client();  // trusts the system's store
    static Result<TlsContext> server(const TlsFiles& files);
    TlsContext(TlsContext&&) noexcept;
    TlsContext& operator=(TlsContext&&) noexcept;
    ~TlsContext();
    Result<Done> trust(const std::string& pem_file);

    struct Native;
    Native& native() { return *native_; }

  private:
    TlsContext();
    std::unique_ptr<Native> native_;
};

// Speaks TLS once its socket is connected and one of the handshakes has succeeded.
class TlsStream : public LiveStream {
  public:
    using LiveStream::LiveStream;
    // Verifies chain and host; a failure's detail says which was wrong. The time is bounded by `close_at`.
    virtual Later<Done> handshake_as_client(const std::string& host) = 0;
    virtual void handshake_as_server(std::move_only_function<void(error_code)> then) = 0;
};
std::unique_ptr<TlsStream> make_tls_stream(std::shared_ptr<LiveStreams> all, TlsContext& context);

}  // namespace countersign::net
