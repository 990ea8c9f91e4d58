//! OTLP over gRPC: a connection of HTTP/2 on the sink's own thread.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hyper_util::rt::TokioIo;
use prost::Message as _;
use prost::bytes::{Buf as _, BufMut as _, Bytes};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::runtime::{Builder, Runtime};
use tokio::task::spawn_blocking;
use tokio_rustls::TlsConnector;
use tonic::client::Grpc;
use tonic::codec::{Codec, CompressionEncoding, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::metadata::{Ascii, MetadataKey, MetadataValue};
use tonic::transport::{Channel, Endpoint, Uri};
use tonic::{Code, Request, Status};
use tower::service_fn;

use super::answer::Reply;
use crate::http::{HttpSettings, host, peer, shown};
use crate::{Host, SendError, Tls};

/// The way of the method.
const EXPORT: &str = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export";
/// How long an answer may be.
const ANSWER_BYTES_MAX: usize = 64 * 1024;
/// How long to leave a peer alone that does not know us.
const DENIED: Duration = Duration::from_secs(30);
/// Lets the connection take notice of what happened to it since it was last used.
const LOOK: Duration = Duration::from_millis(1);

/// A connection to a collector, made when it is needed.
pub(super) struct GrpcClient {
    settings: HttpSettings,
    host: Arc<Mutex<Host>>,
    peer: String,
    runtime: Option<Runtime>,
    channel: Option<Grpc<Channel>>,
}

impl GrpcClient {
    pub(super) fn new(settings: HttpSettings) -> Self {
        let host = Arc::new(Mutex::new(host(&settings.url)));
        let peer = peer(&settings.url);
        Self { settings, host, peer, runtime: None, channel: None }
    }

    /// `host:port`, as errors name it.
    pub(super) fn peer(&self) -> &str {
        &self.peer
    }

    /// Sends a request and gives the answer.
    pub(super) fn export(&mut self, body: &[u8]) -> Result<Reply, SendError> {
        let timeout = self.settings.timeout;
        let exported = self.try_export(body);
        match exported {
            Ok(Some(Ok(answer))) => Ok(Reply::Taken(answer.to_vec())),
            Ok(Some(Err(status))) => self.judge(&status),
            Ok(None) => {
                self.channel = None;
                let what = format!("none within {timeout:?}");
                Err(SendError::NoAnswer { peer: self.peer.clone(), what })
            }
            Err(source) => Err(SendError::Connect { peer: self.peer.clone(), source }),
        }
    }

    /// What the peer answers; `None` where that takes too long.
    fn try_export(&mut self, body: &[u8]) -> io::Result<Option<Result<Bytes, Status>>> {
        let runtime = match self.runtime.take() {
            Some(runtime) => runtime,
            None => Builder::new_current_thread().enable_all().build()?,
        };
        let runtime = self.runtime.insert(runtime);
        let entered = runtime.enter();
        let channel = match self.channel.take() {
            Some(channel) => channel,
            None => channel(&self.settings, &self.host)?,
        };
        drop(entered);
        let channel = self.channel.insert(channel);
        let mut request = Request::new(Bytes::copy_from_slice(body));
        for (name, value) in &self.settings.headers {
            let name = MetadataKey::<Ascii>::from_bytes(name.to_ascii_lowercase().as_bytes())
                .map_err(io::Error::other)?;
            let value = MetadataValue::try_from(value.reveal())
                .map_err(|_| io::Error::other(format!("the value of {name} is no header")))?;
            request.metadata_mut().insert(name, value);
        }
        request.set_timeout(self.settings.timeout);
        let timeout = self.settings.timeout;
        let answered = runtime.block_on(async {
            tokio::time::sleep(LOOK).await;
            tokio::time::timeout(timeout, async {
                channel.ready().await.map_err(|error| Status::from_error(error.into()))?;
                let way = tonic::codegen::http::uri::PathAndQuery::from_static(EXPORT);
                channel.unary(request, way, Raw).await.map(tonic::Response::into_inner)
            })
            .await
        });
        Ok(answered.ok())
    }

    /// What a status means. Those to be sent again are those of the specification of OTLP, and
    /// those of a token that is wrong, which may be put right.
    fn judge(&mut self, status: &Status) -> Result<Reply, SendError> {
        let peer = self.peer.clone();
        if let Some(source) = std::error::Error::source(status) {
            // No answer of the peer: the connection broke.
            self.channel = None;
            let mut deepest = source;
            while let Some(below) = deepest.source() {
                deepest = below;
            }
            let source = io::Error::other(deepest.to_string());
            return Err(SendError::Write { peer, source });
        }
        let asked = retry_delay(status.details());
        let retry_after = match status.code() {
            Code::Cancelled
            | Code::DeadlineExceeded
            | Code::Aborted
            | Code::OutOfRange
            | Code::Unavailable
            | Code::DataLoss => asked,
            Code::ResourceExhausted if asked.is_some() => asked,
            Code::Unauthenticated | Code::PermissionDenied => Some(asked.unwrap_or(DENIED)),
            // So say peers that a message is too long for.
            Code::ResourceExhausted => return Ok(Reply::TooLarge),
            _ => return Ok(Reply::Refused(text(status))),
        };
        Err(SendError::Busy { peer, answer: text(status), retry_after })
    }
}

impl std::fmt::Debug for GrpcClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GrpcClient").field("settings", &self.settings).finish_non_exhaustive()
    }
}

fn text(status: &Status) -> String {
    format!("{:?}: {}", status.code(), shown(status.message().as_bytes()))
}

/// A connection that is made with the first request.
fn channel(settings: &HttpSettings, host: &Arc<Mutex<Host>>) -> io::Result<Grpc<Channel>> {
    let endpoint = Endpoint::from_shared(settings.url.clone()).map_err(io::Error::other)?;
    let endpoint = endpoint
        .user_agent(concat!("gstatsd/", env!("CARGO_PKG_VERSION")))
        .map_err(io::Error::other)?
        .connect_timeout(settings.timeout);
    let (tls, host) = (settings.tls.clone(), Arc::clone(host));
    // The other half is for a connection to where the host was.
    let patience = settings.timeout / 2;
    let connector = service_fn(move |_: Uri| connect(Arc::clone(&host), patience, tls.clone()));
    let channel = endpoint.connect_with_connector_lazy(connector);
    let grpc = Grpc::new(channel).max_decoding_message_size(ANSWER_BYTES_MAX);
    Ok(match settings.gzip {
        true => grpc.send_compressed(CompressionEncoding::Gzip),
        false => grpc,
    })
}

/// What HTTP/2 is spoken over.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

async fn connect(
    host: Arc<Mutex<Host>>,
    patience: Duration,
    tls: Option<Tls>,
) -> io::Result<TokioIo<Box<dyn Stream>>> {
    let resolve = move || {
        let mut host = host.lock().unwrap_or_else(PoisonError::into_inner);
        host.addresses(patience)
    };
    let addresses = spawn_blocking(resolve).await.map_err(io::Error::other)??;
    let stream = TcpStream::connect(&addresses[..]).await?;
    stream.set_nodelay(true)?;
    let Some(mut tls) = tls else { return Ok(TokioIo::new(Box::new(stream))) };
    tls.refresh();
    let mut config = (**tls.config()).clone();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let name: ServerName<'static> = tls.name().clone();
    let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await?;
    Ok(TokioIo::new(Box::new(stream)))
}

/// Bytes that are a message already.
struct Raw;

impl Codec for Raw {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, out: &mut EncodeBuf<'_>) -> Result<(), Status> {
        out.put(item);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(from.copy_to_bytes(from.remaining())))
    }
}

/// How long the details of a status ask to wait.
fn retry_delay(details: &[u8]) -> Option<Duration> {
    let status = RpcStatus::decode(details).ok()?;
    let info = status.details.iter().find(|any| any.type_url.ends_with("google.rpc.RetryInfo"))?;
    let delay = RetryInfo::decode(&info.value[..]).ok()?.delay?;
    let seconds = u64::try_from(delay.seconds).ok()?;
    let nanos = u32::try_from(delay.nanos).ok().filter(|nanos| *nanos < 1_000_000_000)?;
    Some(Duration::new(seconds, nanos))
}

/// `google.rpc.Status`, as the details of a status hold it.
#[derive(Clone, PartialEq, prost::Message)]
struct RpcStatus {
    #[prost(message, repeated, tag = "3")]
    details: Vec<Any>,
}

/// `google.protobuf.Any`
#[derive(Clone, PartialEq, prost::Message)]
struct Any {
    #[prost(string, tag = "1")]
    type_url: String,
    #[prost(bytes = "vec", tag = "2")]
    value: Vec<u8>,
}

/// `google.rpc.RetryInfo`
#[derive(Clone, PartialEq, prost::Message)]
struct RetryInfo {
    #[prost(message, optional, tag = "1")]
    delay: Option<Delay>,
}

/// `google.protobuf.Duration`
#[derive(Clone, PartialEq, prost::Message)]
struct Delay {
    #[prost(int64, tag = "1")]
    seconds: i64,
    #[prost(int32, tag = "2")]
    nanos: i32,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn details(type_url: &str, seconds: i64, nanos: i32) -> Vec<u8> {
        let info = RetryInfo { delay: Some(Delay { seconds, nanos }) };
        let any = Any { type_url: type_url.to_owned(), value: info.encode_to_vec() };
        RpcStatus { details: vec![any] }.encode_to_vec()
    }

    /// `later N` with the milliseconds that are asked for, `split`, or `refused`.
    fn judged(code: Code, details: Vec<u8>) -> String {
        let (timeout, headers) = (Duration::from_secs(1), Vec::new());
        let url = "http://h:1".to_owned();
        let mut client =
            GrpcClient::new(HttpSettings { url, headers, timeout, gzip: false, tls: None });
        match client.judge(&Status::with_details(code, "no", details.into())) {
            Err(error) => match error.retry_after() {
                Some(after) => format!("later {}", after.as_millis()),
                None => "later".to_owned(),
            },
            Ok(Reply::TooLarge) => "split".to_owned(),
            Ok(reply) => {
                let text = format!("{reply:?}");
                assert!(text.contains("no"), "{text}");
                "refused".to_owned()
            }
        }
    }

    const RETRY: &str = "type.googleapis.com/google.rpc.RetryInfo";

    #[test]
    fn f58_each_code_of_grpc_has_one_verdict() {
        let later = [
            Code::Cancelled,
            Code::DeadlineExceeded,
            Code::Aborted,
            Code::OutOfRange,
            Code::Unavailable,
            Code::DataLoss,
        ];
        let refused = [
            Code::Unknown,
            Code::InvalidArgument,
            Code::NotFound,
            Code::AlreadyExists,
            Code::FailedPrecondition,
            Code::Unimplemented,
            Code::Internal,
        ];
        for code in later {
            assert_eq!(judged(code, Vec::new()), "later", "{code:?}");
            assert_eq!(judged(code, details(RETRY, 2, 5_000_000)), "later 2005", "{code:?}");
        }
        for code in refused {
            assert_eq!(judged(code, details(RETRY, 2, 0)), "refused", "{code:?}");
        }
        for code in [Code::Unauthenticated, Code::PermissionDenied] {
            assert_eq!(judged(code, Vec::new()), "later 30000", "{code:?}");
        }
        assert_eq!(judged(Code::ResourceExhausted, Vec::new()), "split");
        assert_eq!(judged(Code::ResourceExhausted, details(RETRY, 0, 1_000_000)), "later 1");
    }

    #[test]
    fn a_delay_that_makes_no_sense_is_none() {
        assert_eq!(retry_delay(&details(RETRY, -1, 0)), None);
        assert_eq!(retry_delay(&details(RETRY, 1, -1)), None);
        assert_eq!(retry_delay(&details("type.googleapis.com/google.rpc.Help", 1, 0)), None);
        assert_eq!(retry_delay(b"\xff\xff"), None);
        assert_eq!(retry_delay(&details(RETRY, 1, 0)), Some(Duration::from_secs(1)));
    }
}
