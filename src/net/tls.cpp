#include "net/tls.hpp"

#include <fmt/format.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include <boost/asio/consign.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <functional>
#include <utility>

#include "countersign/base/check.hpp"

namespace countersign::net {
namespace {

constexpr unsigned char alpn[] = {8, 'h', 't', 't', 'p', '/', '1', '.', '1'};

int select_alpn(SSL*, const unsigned char** out, unsigned char* out_length, const unsigned char* offered,
                unsigned int offered_length, void*) {
    unsigned char* selected = nullptr;
    int found = SSL_select_next_proto(&selected, out_length, alpn, sizeof alpn, offered, offered_length);
    if (found != OPENSSL_NPN_NEGOTIATED) return SSL_TLSEXT_ERR_NOACK;
    *out = selected;
    return SSL_TLSEXT_ERR_OK;
}

using TlsSocket = asio::ssl::stream<asio::ip::tcp::socket>;

std::string why_refused(SSL* ssl, const std::string& host, const error_code& ec) {
    long verdict = SSL_get_verify_result(ssl);
    if (verdict == X509_V_ERR_HOSTNAME_MISMATCH || verdict == X509_V_ERR_IP_ADDRESS_MISMATCH)
        return fmt::format("TLS: the certificate is not for {}", host);
    if (verdict != X509_V_OK)
        return fmt::format("TLS: the certificate of {} is not trusted: {}", host,
                           X509_verify_cert_error_string(verdict));
    return fmt::format("TLS handshake with {} failed: {}", host, ec.message());
}

class AsioTlsStream final : public TlsStream {
  public:
    AsioTlsStream(std::shared_ptr<LiveStreams> all, asio::ssl::context& context)
        : TlsStream(all), tls_(std::make_shared<TlsSocket>(all->executor(), context)) {}
    ~AsioTlsStream() override { close(); }
    asio::ip::tcp::socket& socket() override { return tls_->next_layer(); }
    const asio::ip::tcp::socket& socket() const override { return tls_->next_layer(); }

    void close() override {
        error_code ignored;
        socket().close(ignored);
    }
    void cancel() override {
        error_code ignored;
        socket().cancel(ignored);
    }

    Later<Done> handshake_as_client(const std::string& host) override {
        SSL* ssl = tls_->native_handle();
        error_code not_an_address;
        asio::ip::make_address(host, not_an_address);
        bool named = false;
        if (not_an_address) {
            named = SSL_set_tlsext_host_name(ssl, host.c_str()) == 1 && SSL_set1_host(ssl, host.c_str()) == 1;
        } else {
            named = X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host.c_str()) == 1;
        }
        if (!named) co_return fail(Trouble::invalid_input, "not a host that TLS can verify: " + host);
        error_code ec;
        auto token = asio::redirect_error(asio::use_awaitable_t<>{}, ec);
        auto tls = tls_;
        co_await tls->async_handshake(asio::ssl::stream_base::client, token);
        if (!ec) co_return Done{};
        if (clock().now() >= closes_at())
            co_return fail(Trouble::timed_out, fmt::format("TLS handshake with {} took too long", host));
        co_return fail(Trouble::unavailable, why_refused(ssl, host, ec), "tls");
    }

    void handshake_as_server(std::move_only_function<void(error_code)> then) override {
        auto tls = tls_;
        tls->async_handshake(asio::ssl::stream_base::server, asio::consign(std::move(then), tls));
    }

  private:
    void start_read(const BufferList<asio::mutable_buffer>& buffers, IoHandler handler) override {
        tls_->async_read_some(buffers, asio::consign(std::move(handler), tls_));
    }
    void start_write(const BufferList<asio::const_buffer>& buffers, IoHandler handler) override {
        tls_->async_write_some(buffers, asio::consign(std::move(handler), tls_));
    }

    // It is shared because Asio's TLS touches its stream once more after the socket was closed.
    std::shared_ptr<TlsSocket> tls_;
};

}  // namespace

struct TlsContext::Native {
    explicit Native(asio::ssl::context::method method) : context(method) {
        SSL_CTX_set_min_proto_version(context.native_handle(), TLS1_2_VERSION);
        context.set_options(asio::ssl::context::default_workarounds | SSL_OP_NO_RENEGOTIATION);
        SSL_CTX_set_mode(context.native_handle(), SSL_MODE_RELEASE_BUFFERS);
    }
    asio::ssl::context context;
};

TlsContext::TlsContext() = default;
TlsContext::TlsContext(TlsContext&&) noexcept = default;
TlsContext& TlsContext::operator=(TlsContext&&) noexcept = default;
TlsContext::~TlsContext() = default;

TlsContext TlsContext::client() {
    TlsContext out;
    out.native_ = std::make_unique<Native>(asio::ssl::context::tls_client);
    asio::ssl::context& context = out.native_->context;
    error_code ignored;  // a machine without a store trusts nobody, and each handshake will say so
    context.set_default_verify_paths(ignored);
    context.set_verify_mode(asio::ssl::verify_peer);
    int set = SSL_CTX_set_alpn_protos(context.native_handle(), alpn, sizeof alpn);
    COUNTERSIGN_CHECK(set == 0);
    return out;
}

Result<TlsContext> TlsContext::server(const TlsFiles& files) {
    TlsContext out;
    out.native_ = std::make_unique<Native>(asio::ssl::context::tls_server);
    asio::ssl::context& context = out.native_->context;
    error_code ec;
    context.use_certificate_chain_file(files.certificate, ec);
    if (ec)
        return fail(Trouble::invalid_input,
                    fmt::format("cannot use the TLS certificate {}: {}", files.certificate, ec.message()));
    context.use_private_key_file(files.key, asio::ssl::context::pem, ec);
    if (ec)
        return fail(Trouble::invalid_input, fmt::format("cannot use the TLS key {} with that certificate: {}",
                                                        files.key, ec.message()));
    SSL_CTX_set_alpn_select_cb(context.native_handle(), select_alpn, nullptr);
    return out;
}

Result<Done> TlsContext::trust(const std::string& pem_file) {
    error_code ec;
    native_->context.load_verify_file(pem_file, ec);
    if (ec)
        return fail(Trouble::invalid_input,
                    fmt::format("cannot read trusted certificates from {}: {}", pem_file, ec.message()));
    return Done{};
}

std::unique_ptr<TlsStream> make_tls_stream(std::shared_ptr<LiveStreams> all, TlsContext& context) {
    return std::make_unique<AsioTlsStream>(std::move(all), context.native().context);
}

}  // namespace countersign::net
