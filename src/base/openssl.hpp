#pragma once
#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>

#include <cstddef>
#include <memory>
#include <string_view>

#include "countersign/base/secret.hpp"

// These own what OpenSSL hands out, and free it.
namespace countersign {

template <auto free_it>
struct Freer {
    template <class T>
    void operator()(T* resource) const {
        free_it(resource);
    }
};
using Pkey = std::unique_ptr<EVP_PKEY, Freer<EVP_PKEY_free>>;
using PkeyContext = std::unique_ptr<EVP_PKEY_CTX, Freer<EVP_PKEY_CTX_free>>;
using DigestContext = std::unique_ptr<EVP_MD_CTX, Freer<EVP_MD_CTX_free>>;
using Bio = std::unique_ptr<BIO, Freer<BIO_free_all>>;
using BigNumber = std::unique_ptr<BIGNUM, Freer<BN_free>>;
using EcdsaSignature = std::unique_ptr<ECDSA_SIG, Freer<ECDSA_SIG_free>>;
using ParameterBuilder = std::unique_ptr<OSSL_PARAM_BLD, Freer<OSSL_PARAM_BLD_free>>;
using Parameters = std::unique_ptr<OSSL_PARAM, Freer<OSSL_PARAM_free>>;

inline const unsigned char* bytes_of(std::string_view text) {
    return reinterpret_cast<const unsigned char*>(text.data());
}
inline const unsigned char* bytes_of(const std::byte* bytes) {
    return reinterpret_cast<const unsigned char*>(bytes);
}
inline unsigned char* bytes_of(std::byte* bytes) {
    return reinterpret_cast<unsigned char*>(bytes);
}

// The private key as PKCS#8 in PEM form, unencrypted.
Secret private_pem(EVP_PKEY* key);

// The method is fetched once, because looking an algorithm up costs more than hashing a short text.
const EVP_MD* sha256_method();

}  // namespace countersign
