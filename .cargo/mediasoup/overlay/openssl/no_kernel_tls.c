/* Takes the place of BIO_ctrl for every call inside libssl, and answers one question itself: no kernel TLS.
 *
 * Debian's libssl asks each BIO whether the kernel does TLS for it. The worker's BIO says 1 to whatever it does not know;
 * libssl then goes without its write buffer, and the first DTLS handshake is a null dereference that ends the process. */
#include <openssl/bio.h>

long ringcast_bio_ctrl(BIO *bio, int command, long number, void *pointer) {
  switch (command) {
  case BIO_CTRL_GET_KTLS_SEND:
  case BIO_CTRL_GET_KTLS_RECV:
    return 0;
  default:
    return BIO_ctrl(bio, command, number, pointer);
  }
}
