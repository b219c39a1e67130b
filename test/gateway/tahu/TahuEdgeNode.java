import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.util.Date;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Semaphore;
import org.eclipse.paho.client.mqttv3.MqttMessage;
import org.eclipse.tahu.edge.EdgeClient;
import org.eclipse.tahu.edge.api.MetricHandler;
import org.eclipse.tahu.message.SparkplugBPayloadDecoder;
import org.eclipse.tahu.message.SparkplugBPayloadEncoder;
import org.eclipse.tahu.message.model.EdgeNodeDescriptor;
import org.eclipse.tahu.message.model.MessageType;
import org.eclipse.tahu.message.model.Metric;
import org.eclipse.tahu.message.model.Metric.MetricBuilder;
import org.eclipse.tahu.message.model.MetricDataType;
import org.eclipse.tahu.message.model.PropertyDataType;
import org.eclipse.tahu.message.model.PropertySet;
import org.eclipse.tahu.message.model.PropertyValue;
import org.eclipse.tahu.message.model.SparkplugBPayloadMap;
import org.eclipse.tahu.message.model.SparkplugBPayloadMap.SparkplugBPayloadMapBuilder;
import org.eclipse.tahu.message.model.SparkplugDescriptor;
import org.eclipse.tahu.message.model.StatePayload;
import org.eclipse.tahu.message.model.Topic;
import org.eclipse.tahu.model.MqttServerDefinition;
import org.eclipse.tahu.mqtt.ClientCallback;
import org.eclipse.tahu.mqtt.MqttClientId;
import org.eclipse.tahu.mqtt.MqttServerName;
import org.eclipse.tahu.mqtt.MqttServerUrl;
import org.slf4j.LoggerFactory;

/**
 * An edge node of Eclipse Tahu with one device. It waits for its primary host, is born, sends data by aliases, leaves out
 * one number of its sequence, waits until it is asked for a rebirth, sends more data, and at last historical data; then it
 * says "done" and waits to be killed. Of the n-th value everything follows from n, so that the test knows what to expect.
 */
public class TahuEdgeNode implements MetricHandler, ClientCallback {
  private static final String HOST = "fieldline";
  private static final String DEVICE = "Oven 1";
  private static final EdgeNodeDescriptor NODE = new EdgeNodeDescriptor("tahu", "press.9");

  private final long startMs;
  private final long bdSeq;
  private final CountDownLatch born = new CountDownLatch(1);
  private final Semaphore rebirths = new Semaphore(0);
  private final EdgeClient client;
  private int values = 0;
  /** Which value is the current one of the edge node, and of its device. */
  private volatile int[] current = {-1, -1};

  public static void main(String[] args) throws Exception {
    // Every packet has lines at lower levels.
    ((Logger) LoggerFactory.getLogger(Logger.ROOT_LOGGER_NAME)).setLevel(Level.ERROR);
    var node = new TahuEdgeNode(args[0], args[1], args[2], Long.parseLong(args[3]), Long.parseLong(args[4]));
    node.live(Integer.parseInt(args[5]));
  }

  private TahuEdgeNode(String url, String user, String password, long startMs, long bdSeq) throws Exception {
    this.startMs = startMs;
    this.bdSeq = bdSeq;
    var name = new MqttServerName("gateway");
    var id = new MqttClientId("tahu-edge", false);
    var server = new MqttServerDefinition(name, id, new MqttServerUrl(url), user, password, 10, getDeathTopic());
    client = new EdgeClient(this, NODE, List.of(DEVICE), HOST, true, 0L, List.of(server), this, null);
  }

  private void live(int count) throws Exception {
    var thread = new Thread(client);
    thread.setDaemon(true);
    thread.start();
    born.await();
    while (!client.isConnectedToPrimaryHost()) Thread.sleep(10);
    System.out.println("born");
    for (int i = 0; i < count; i++) publish(false);
    client.getNextSeqNum();
    publish(false);
    rebirths.acquire();
    System.out.println("reborn");
    for (int i = 0; i < count; i++) publish(false);
    publish(true);
    System.out.println("done");
    Thread.sleep(Long.MAX_VALUE);
  }

  /** Every third message is of the device. */
  private void publish(boolean historical) throws Exception {
    int n = values++;
    long ms = historical ? startMs - 86_400_000L : startMs + n;
    var builder = payload(ms);
    if (!historical) current = n % 3 == 2 ? new int[] {current[0], n} : new int[] {n, current[1]};
    if (n % 3 == 2) client.publishDeviceData(DEVICE, fill(builder, deviceMetrics(n, ms), historical));
    else client.publishNodeData(fill(builder, nodeMetrics(n, ms), historical));
  }

  private SparkplugBPayloadMap fill(SparkplugBPayloadMapBuilder builder, List<Metric> metrics, boolean historical) {
    for (var metric : metrics) {
      if (historical) metric.setHistorical(true);
      builder.addMetric(metric);
    }
    return builder.createPayload();
  }

  private List<Metric> nodeMetrics(int n, long ms) throws Exception {
    return List.of(
        metric("Motor/Temperature", MetricDataType.Double, n / 8.0, ms, "°C"),
        metric("Motor/Offset", MetricDataType.Int16, (short) -n, ms, null),
        metric("total", MetricDataType.Int64, -4_000_000_000L - n, ms, null));
  }

  private List<Metric> deviceMetrics(int n, long ms) throws Exception {
    return List.of(
        metric("on", MetricDataType.Boolean, n % 2 == 0, ms, null),
        metric("state", MetricDataType.String, "run " + n, ms, null),
        metric("pressure", MetricDataType.Float, n / 4f, ms, "bar"));
  }

  private static Metric metric(String name, MetricDataType type, Object value, long ms, String unit) throws Exception {
    var builder = new MetricBuilder(name, type, value).timestamp(new Date(ms));
    if (unit != null) {
      var properties = new PropertySet();
      properties.put("engUnit", new PropertyValue(PropertyDataType.String, unit));
      builder.properties(properties);
    }
    return builder.createMetric();
  }

  private SparkplugBPayloadMapBuilder payload(long ms) {
    return new SparkplugBPayloadMapBuilder().setTimestamp(new Date(ms));
  }

  @Override
  public void publishBirthSequence() {
    try {
      int[] now = current;
      var birth = payload(startMs + now[0]);
      birth.addMetric(metric("bdSeq", MetricDataType.Int64, bdSeq, startMs, null));
      birth.addMetric(metric("Node Control/Rebirth", MetricDataType.Boolean, false, startMs, null));
      client.publishNodeBirth(fill(birth, nodeMetrics(now[0], startMs + now[0]), false));
      birth = payload(startMs + now[1]);
      client.publishDeviceBirth(DEVICE, fill(birth, deviceMetrics(now[1], startMs + now[1]), false));
      born.countDown();
    } catch (Exception error) {
      error.printStackTrace();
      System.exit(1);
    }
  }

  @Override
  public Topic getDeathTopic() {
    return new Topic("spBv1.0", NODE, MessageType.NDEATH);
  }

  @Override
  public byte[] getDeathPayloadBytes() throws Exception {
    var death = payload(startMs);
    death.addMetric(metric("bdSeq", MetricDataType.Int64, bdSeq, startMs, null));
    return new SparkplugBPayloadEncoder().getBytes(death.createPayload(), false);
  }

  @Override
  public boolean hasMetric(SparkplugDescriptor descriptor, String name) {
    return true;
  }

  @Override
  public void messageArrived(
      MqttServerName name, MqttServerUrl url, MqttClientId id, String topic, MqttMessage message) {
    try {
      if (topic.equals("spBv1.0/STATE/" + HOST)) {
        client.handleStateMessage(HOST, new ObjectMapper().readValue(message.getPayload(), StatePayload.class));
      } else if (topic.equals("spBv1.0/tahu/NCMD/press.9")) {
        var asked = new SparkplugBPayloadDecoder().buildFromByteArray(message.getPayload(), null).getMetrics().get(0);
        if (!asked.getName().equals("Node Control/Rebirth") || !asked.getValue().equals(true)) return;
        client.handleRebirthRequest(true);
        rebirths.release();
      }
    } catch (Exception error) {
      error.printStackTrace();
      System.exit(1);
    }
  }

  @Override
  public void shutdown() {}

  @Override
  public void connectionLost(MqttServerName name, MqttServerUrl url, MqttClientId id, Throwable cause) {
    System.out.println("connection lost: " + cause);
  }

  @Override
  public void connectComplete(boolean reconnect, MqttServerName name, MqttServerUrl url, MqttClientId id) {}
}
