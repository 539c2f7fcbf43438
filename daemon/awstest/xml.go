package awstest

import (
	"bytes"
	"encoding/xml"
	"net/http"
	"time"
)

// The Query protocol's answers, in the shapes of AWS's service models.

// namespaces and versions of the services of the Query protocol.
var (
	namespaces = map[Service]string{
		IAM: "https://iam.amazonaws.com/doc/2010-05-08/",
		STS: "https://sts.amazonaws.com/doc/2011-06-15/",
		SNS: "http://sns.amazonaws.com/doc/2010-03-31/",

		CloudWatch: "http://monitoring.amazonaws.com/doc/2010-08-01/",
	}
	versions = map[string]Service{
		"2010-05-08": IAM,
		"2011-06-15": STS,
		"2010-03-31": SNS,
		"2010-08-01": CloudWatch,
	}
)

// failure is a refusal as AWS answers it.
type failure struct {
	status        int
	code, message string
}

func fail(status int, code, message string) *failure {
	return &failure{status, code, message}
}

// answer is what goes back to the caller.
type answer struct {
	status      int
	contentType string
	code        string // of the error, for the record
	body        []byte
	refused     bool   // 403, or what services without that status say instead
	queryError  string // X-Amzn-Query-Error
}

// success is the answer to an action; result is nil for an action that has none.
func success(service Service, action string, result any, requestID string) answer {
	root := element(action + "Response")
	root.Attr = []xml.Attr{{Name: xml.Name{Local: "xmlns"}, Value: namespaces[service]}}
	return document(http.StatusOK, root, func(e *xml.Encoder) error {
		if result != nil {
			if err := e.EncodeElement(result, element(action+"Result")); err != nil {
				return err
			}
		}
		metadata := struct{ RequestId string }{requestID}
		return e.EncodeElement(metadata, element("ResponseMetadata"))
	})
}

// answer is the failure as a document. A request for no known service is
// answered in IAM's name.
func (f *failure) answer(service Service, requestID string) answer {
	if service == "" {
		service = IAM
	}
	body := struct{ Type, Code, Message string }{"Sender", f.code, f.message}
	if f.status >= 500 {
		body.Type = "Receiver"
	}
	root := element("ErrorResponse")
	root.Attr = []xml.Attr{{Name: xml.Name{Local: "xmlns"}, Value: namespaces[service]}}
	a := document(f.status, root, func(e *xml.Encoder) error {
		if err := e.EncodeElement(body, element("Error")); err != nil {
			return err
		}
		return e.EncodeElement(requestID, element("RequestId"))
	})
	a.code = f.code
	return a
}

func document(status int, root xml.StartElement, content func(*xml.Encoder) error) answer {
	var b bytes.Buffer
	e := xml.NewEncoder(&b)
	e.Indent("", "  ")
	err := e.EncodeToken(root)
	if err == nil {
		err = content(e)
	}
	if err == nil {
		err = e.EncodeToken(root.End())
	}
	if err == nil {
		err = e.Close()
	}
	if err != nil {
		// Only a result type that XML cannot hold comes here: a mistake in this package.
		panic("awstest: " + err.Error())
	}
	return answer{status: status, contentType: "text/xml", body: b.Bytes()}
}

func element(name string) xml.StartElement {
	return xml.StartElement{Name: xml.Name{Local: name}}
}

// timestamp writes a time as the Query protocol does.
func timestamp(t time.Time) string {
	return t.UTC().Format("2006-01-02T15:04:05Z")
}
