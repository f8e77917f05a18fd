//! TLS by file: the certificate and key, read again when they change. A broken new file keeps the old one in use.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use thiserror::Error;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{self, ServerConfig};

use crate::config::TlsPaths;

/// How often the files are looked at.
const RELOAD_INTERVAL: Duration = Duration::from_secs(5);

/// Why certificate and key cannot be used.
#[derive(Debug, Error)]
pub(crate) enum TlsError {
    /// A file cannot be read.
    #[error("{0} cannot be read: {1}")]
    Read(PathBuf, std::io::Error),
    /// The certificate file has no certificate in PEM form.
    #[error("{0} holds no certificate in PEM form: {1}")]
    Certificate(PathBuf, pem::Error),
    /// The key file has no private key in PEM form.
    #[error("{0} holds no private key in PEM form: {1}")]
    Key(PathBuf, pem::Error),
    /// Both are readable and do not go together.
    #[error("certificate and key cannot be used together: {0}")]
    Pair(#[from] rustls::Error),
}

/// Certificate and key as they were read.
#[derive(PartialEq, Eq)]
struct Files {
    cert: Vec<u8>,
    key: Vec<u8>,
}

/// The certificate in use. Clones share it.
#[derive(Clone)]
pub(crate) struct TlsSource {
    paths: TlsPaths,
    current: Arc<RwLock<Arc<ServerConfig>>>,
    loaded: Arc<Files>,
}

/// Whether certificate and key can be used, without using them.
///
/// # Errors
/// What is wrong with them.
pub(crate) fn check(paths: &TlsPaths) -> Result<(), TlsError> {
    Files::read(paths).and_then(|files| files.parse(paths)).map(drop)
}

impl TlsSource {
    /// Reads certificate and key.
    ///
    /// # Errors
    /// What is wrong with them.
    pub(crate) fn load(paths: TlsPaths) -> Result<Self, TlsError> {
        let files = Files::read(&paths)?;
        let config = files.parse(&paths)?;
        Ok(Self {
            paths,
            current: Arc::new(RwLock::new(Arc::new(config))),
            loaded: Arc::new(files),
        })
    }

    /// What accepts the next connection.
    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner)).into()
    }

    /// Looks at the files every few seconds, for ever: run it as a task of its own.
    pub(crate) async fn keep_current(self) {
        self.keep_current_every(RELOAD_INTERVAL).await;
    }

    pub(crate) async fn keep_current_every(self, interval: Duration) {
        let mut seen = Arc::clone(&self.loaded);
        loop {
            tokio::time::sleep(interval).await;
            let paths = self.paths.clone();
            let Ok(read) = tokio::task::spawn_blocking(move || Files::read(&paths)).await else {
                continue;
            };
            match read {
                Ok(files) if files == *seen => {}
                Ok(files) => {
                    self.replace(&files);
                    seen = Arc::new(files);
                }
                Err(error) => tracing::error!("TLS files: {error}; the old certificate stays in use"),
            }
        }
    }

    fn replace(&self, files: &Files) {
        match files.parse(&self.paths) {
            Ok(config) => {
                *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(config);
                tracing::info!("TLS certificate {} is read again and in use", self.paths.cert.display());
            }
            Err(error) => tracing::error!("changed TLS files: {error}; the old certificate stays in use"),
        }
    }
}

impl Files {
    fn read(paths: &TlsPaths) -> Result<Self, TlsError> {
        let read = |path: &Path| std::fs::read(path).map_err(|error| TlsError::Read(path.to_owned(), error));
        Ok(Self {
            cert: read(&paths.cert)?,
            key: read(&paths.key)?,
        })
    }

    fn parse(&self, paths: &TlsPaths) -> Result<ServerConfig, TlsError> {
        let wrong = |error| TlsError::Certificate(paths.cert.clone(), error);
        let chain: Vec<_> = CertificateDer::pem_slice_iter(&self.cert)
            .collect::<Result<_, _>>()
            .map_err(wrong)?;
        if chain.is_empty() {
            return Err(wrong(pem::Error::NoItemsFound));
        }
        let key = PrivateKeyDer::from_pem_slice(&self.key).map_err(|error| TlsError::Key(paths.key.clone(), error))?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(chain, key)?;
        // WebSockets are upgrades of HTTP/1.1; nothing here would gain from HTTP/2.
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(config)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(name: &str) -> (String, String) {
        let certified = rcgen::generate_simple_self_signed(vec![name.to_owned()]).unwrap();
        (certified.cert.pem(), certified.signing_key.serialize_pem())
    }

    fn written(folder: &Path, (cert, key): (String, String)) -> TlsPaths {
        let paths = TlsPaths {
            cert: folder.join("cert.pem"),
            key: folder.join("key.pem"),
        };
        std::fs::write(&paths.cert, cert).unwrap();
        std::fs::write(&paths.key, key).unwrap();
        paths
    }

    #[test]
    fn what_is_wrong_with_the_files_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let (cert, key) = pair("a.example");
        let said = |paths: &TlsPaths| check(paths).unwrap_err().to_string();

        let paths = written(folder.path(), (cert.clone(), key.clone()));
        assert!(check(&paths).is_ok());
        let paths = written(folder.path(), ("no pem".to_owned(), key.clone()));
        assert!(said(&paths).contains("cert.pem holds no certificate in PEM form"));
        let paths = written(folder.path(), (cert.clone(), "no pem".to_owned()));
        assert!(said(&paths).contains("key.pem holds no private key in PEM form"));
        let paths = written(folder.path(), (cert, pair("b.example").1));
        assert!(said(&paths).starts_with("certificate and key cannot be used together"));
        std::fs::remove_file(&paths.key).unwrap();
        assert!(said(&paths).contains("key.pem cannot be read"));
    }

    #[tokio::test]
    async fn changed_files_are_taken_and_broken_ones_are_not() {
        let folder = tempfile::tempdir().unwrap();
        let source = TlsSource::load(written(folder.path(), pair("a.example"))).unwrap();
        let in_use = || Arc::as_ptr(&*source.current.read().unwrap());
        let watch = tokio::spawn(source.clone().keep_current_every(Duration::from_millis(10)));
        let first = in_use();

        written(folder.path(), ("broken".to_owned(), "broken".to_owned()));
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert_eq!(in_use(), first);

        written(folder.path(), pair("b.example"));
        let changed = async {
            while in_use() == first {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), changed).await.unwrap();
        watch.abort();
    }
}
